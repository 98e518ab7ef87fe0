#include "contract/yaml_document.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/strings.h"
#include "base/utf8.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace sluice::contract {
namespace {

constexpr int kMaxNodes = 100'000;
constexpr size_t kMaxProblems = 100;

/// Ends yaml-cpp's parse after a problem that is already reported; never leaves this file.
struct StopParsing : std::exception {};

/// Builds the tree from yaml-cpp's events. yaml-cpp's own nodes accept duplicate keys silently.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Diagnostics* diagnostics) : diagnostics_(diagnostics) {}

  YamlNode TakeRoot() { return std::move(root_); }
  /// The last scalar that is not plain; line 0 when there is none.
  YamlPosition last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Add(Node(mark, YamlNode::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    diagnostics_->ErrorAt(mark.line + 1, mark.column + 1, "yaml-alias",
                          "aliases are not supported; write the value out");
    Add(Node(mark, YamlNode::Kind::kNull));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    YamlNode node = Node(mark, YamlNode::Kind::kScalar);
    node.plain = tag != "!";
    if (!node.plain) last_quoted_ = {node.line, node.column};
    node.scalar = value;
    if (tag != "!" && tag != "?") RefuseTag(node, tag);
    const bool has_control = std::any_of(value.begin(), value.end(), [](unsigned char c) {
      return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
    });
    if (has_control) diagnostics_->Error(node, "encoding", "control characters are not allowed");
    Add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, YamlNode::Kind::kSequence, tag);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, YamlNode::Kind::kMap, tag);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Level {
    YamlNode node;
    std::optional<YamlNode> key;  // of a map, when its value comes next
    absl::flat_hash_map<std::string, int> line_of_key;
  };

  YamlNode Node(const YAML::Mark& mark, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    if (++nodes_ > kMaxNodes) {
      diagnostics_->Error(node, "too-large",
                          Concat("the file has more than ", kMaxNodes, " values"));
      throw StopParsing();
    }
    return node;
  }

  void RefuseTag(const YamlNode& node, const std::string& tag) {
    diagnostics_->Error(node, "yaml-tag", Concat("tags are not supported: ", tag.substr(0, 60)));
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind, const std::string& tag) {
    YamlNode node = Node(mark, kind);
    if (tag != "?" && !tag.empty()) RefuseTag(node, tag);
    if (levels_.size() >= kMaxYamlDepth) {
      diagnostics_->Error(node, "too-deep",
                          Concat("nested deeper than ", kMaxYamlDepth, " levels"));
      throw StopParsing();
    }
    levels_.push_back(Level{std::move(node), std::nullopt, {}});
  }

  void Close() {
    YamlNode node = std::move(levels_.back().node);
    levels_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.IsSequence()) {
      level.node.items.push_back(std::move(node));
    } else if (!level.key.has_value()) {
      level.key = std::move(node);
    } else {
      AddMember(&level, *std::exchange(level.key, std::nullopt), std::move(node));
    }
  }

  void AddMember(Level* level, YamlNode key, YamlNode value) {
    if (!key.IsScalar()) {
      diagnostics_->Error(key, "wrong-type", "a key must be text");
      return;
    }
    auto [first, is_new] = level->line_of_key.try_emplace(key.scalar, key.line);
    if (!is_new) {
      diagnostics_->Error(
          key, "duplicate-key",
          Concat("key \"", key.scalar.substr(0, 60), "\" appears twice in one map (first in line ",
                 first->second, ")"));
      return;
    }
    level->node.members.push_back(YamlMember{std::move(key), std::move(value)});
  }

  Diagnostics* diagnostics_;
  YamlNode root_;
  std::vector<Level> levels_;
  YamlPosition last_quoted_{0, 0};
  int nodes_ = 0;
};

/// The index of a position in `text`; its length when there is no such place.
size_t IndexOf(std::string_view text, YamlPosition position) {
  size_t at = 0;
  for (int line = 1; line < position.line; ++line) {
    at = text.find('\n', at);
    if (at == std::string_view::npos) return text.size();
    ++at;
  }
  return std::min(at + position.column - 1, text.size());
}

/// yaml-cpp takes the end of the file for a closing quote. Only the last scalar can be concerned.
void CheckClosed(std::string_view text, YamlPosition scalar, Diagnostics* diagnostics) {
  if (scalar.line == 0) return;
  size_t at = IndexOf(text, scalar);
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return;  // a block scalar
  const char quote = text[at++];
  for (; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 >= text.size() || text[at + 1] != quote) return;
      ++at;
    }
  }
  diagnostics->ErrorAt(scalar.line, scalar.column, "yaml-syntax",
                       "not valid YAML: this quote is never closed");
}

bool CheckText(std::string_view text, Diagnostics* diagnostics) {
  if (text.size() > kMaxYamlBytes) {
    diagnostics->ErrorAt(0, 0, "too-large",
                         Concat("the file is larger than ", kMaxYamlBytes, " bytes"));
    return false;
  }
  int line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text, i);
    const unsigned char c = text[i];
    const bool control = (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
    if (length == 0 || control) {
      diagnostics->ErrorAt(
          line, static_cast<int>(i - line_start) + 1, "encoding",
          length == 0 ? "the file is not valid UTF-8" : "control characters are not allowed");
      return false;
    }
    if (c == '\n') {
      ++line;
      line_start = i + 1;
    }
    i += length;
  }
  return true;
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const YamlMember& member : members) {
    if (member.key.scalar == key) return &member.value;
  }
  return nullptr;
}

void Diagnostics::Error(const YamlNode& at, std::string_view id, std::string message) {
  ErrorAt(at.line, at.column, id, std::move(message));
}

void Diagnostics::Warning(const YamlNode& at, std::string_view id, std::string message) {
  if (warnings_.size() >= kMaxProblems) return;
  warnings_.push_back({Problem::Severity::kWarning, file_, at.line, at.column, std::move(message),
                       std::string(id)});
}

void Diagnostics::ErrorAt(int line, int column, std::string_view id, std::string message) {
  if (errors_.size() > kMaxProblems) return;
  if (errors_.size() == kMaxProblems) {
    errors_.push_back(
        {Problem::Severity::kError, file_, 0, 0, "more problems are not shown", "too-many"});
    return;
  }
  errors_.push_back(
      {Problem::Severity::kError, file_, line, column, std::move(message), std::string(id)});
}

namespace {

std::vector<Problem> InFileOrder(std::vector<Problem> problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    // What concerns the file as a whole comes last.
    return std::make_tuple(a.line == 0, a.line, a.column) <
           std::make_tuple(b.line == 0, b.line, b.column);
  });
  return problems;
}

}  // namespace

std::vector<Problem> Diagnostics::Errors() const { return InFileOrder(errors_); }

std::vector<Problem> Diagnostics::All() const {
  std::vector<Problem> all = errors_;
  all.insert(all.end(), warnings_.begin(), warnings_.end());
  return InFileOrder(std::move(all));
}

std::optional<YamlNode> ParseYaml(std::string_view text, Diagnostics* diagnostics) {
  if (!CheckText(text, diagnostics)) return std::nullopt;
  TreeBuilder builder(diagnostics);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      diagnostics->ErrorAt(0, 0, "empty", "the file is empty");
      return std::nullopt;
    }
    YamlNode root = builder.TakeRoot();
    CheckClosed(text, builder.last_quoted(), diagnostics);
    TreeBuilder rest(diagnostics);
    if (parser.HandleNextDocument(rest)) {
      diagnostics->Error(rest.TakeRoot(), "yaml-syntax",
                         "only one document (one `---`) is allowed in a file");
    }
    return root;
  } catch (const StopParsing&) {
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    diagnostics->ErrorAt(known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0,
                         "yaml-syntax", Concat("not valid YAML: ", error.msg));
  } catch (const std::exception& error) {
    diagnostics->ErrorAt(0, 0, "yaml-syntax", Concat("not valid YAML: ", error.what()));
  }
  return std::nullopt;
}

std::optional<YamlPosition> LocateInScalar(std::string_view text, const YamlNode& node,
                                           size_t offset) {
  size_t at = IndexOf(text, {node.line, node.column});
  if (at >= text.size()) return std::nullopt;
  char quote = 0;
  if (!node.plain) {
    const char opening = text[at];
    if (opening == '|' || opening == '>') {  // the text of a block scalar starts in the next line
      at = text.find('\n', at);
      if (at == std::string_view::npos) return std::nullopt;
    } else if (opening == '"' || opening == '\'') {
      quote = opening;
      ++at;
    }
  }
  auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  auto skip_spaces = [&](std::string_view s, size_t* i) {
    while (*i < s.size() && is_space(s[*i])) ++*i;
  };
  const std::string_view value = node.scalar;
  for (size_t i = 0;;) {
    if (i == 0 ||
        (i < value.size() && is_space(value[i]))) {  // folding changes runs of white space
      const size_t run_start = i;
      const size_t text_start = at;
      skip_spaces(value, &i);
      skip_spaces(text, &at);
      if (offset < i) {
        at = text_start + std::min(offset - run_start, at - text_start);
        break;
      }
    }
    if (i >= offset || i >= value.size()) break;
    if (at >= text.size() || text[at] != value[i]) return std::nullopt;
    at += quote == '\'' && value[i] == '\'' ? 2 : 1;
    ++i;
  }
  at = std::min(at, text.size());
  const std::string_view before = text.substr(0, at);
  const size_t last_break = before.rfind('\n');
  const int line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
  const size_t line_start = last_break == std::string_view::npos ? 0 : last_break + 1;
  return YamlPosition{line, static_cast<int>(at - line_start) + 1};
}

}  // namespace sluice::contract
