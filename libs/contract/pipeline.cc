#include "contract/pipeline.h"

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "contract/environment.h"
#include "contract/pipeline_keys.h"
#include "contract/suggestion.h"
#include "contract/text_file.h"
#include "contract/yaml_document.h"

namespace sluice::contract {
namespace {

constexpr std::string_view kSinks = "sinks";
// So that no more than batch::kMaxTimeWindows are open at once.
constexpr int64_t kMaxDelayInWindows = 60;
// Of a batch: so that its header and what the sink sends stay small beside its rows.
constexpr int64_t kMaxResults = 1 << 18;

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// Walks the tree beside the table of keys.
class PipelineReader {
 public:
  PipelineReader(PipelineConfig* config, Diagnostics* diagnostics)
      : config_(config), diagnostics_(diagnostics) {}

  void Read(const YamlNode& root) {
    ReadMap(root, "");
    for (const PipelineKey& key : PipelineKeys()) CheckPresent(key, root);
    CheckTables();
    CheckWindow();
  }

 private:
  static std::string Join(std::string_view prefix, std::string_view name) {
    return prefix.empty() ? std::string(name) : Concat(prefix, ".", name);
  }

  void ReadMap(const YamlNode& map, const std::string& prefix) {
    present_.emplace(prefix);
    if (!map.IsMap()) {
      diagnostics_->Error(map, "wrong-type",
                          Concat(prefix.empty() ? "a pipeline file" : Concat("\"", prefix, "\""),
                                 " must be a map of keys and values"));
      return;
    }
    for (const YamlMember& member : map.members) ReadMember(member, prefix);
  }

  void ReadMember(const YamlMember& member, const std::string& prefix) {
    const std::string path = Join(prefix, member.key.scalar);
    if (path == kSinks) return ReadSinks(member.value);
    const std::string inside = Concat(path, ".");
    std::vector<std::string_view> siblings;
    for (const PipelineKey& key : PipelineKeys()) {
      if (key.path == path) return Set(key, member.value);
      if (StartsWith(key.path, inside)) return ReadMap(member.value, path);
      if (prefix.empty() || StartsWith(key.path, Concat(prefix, "."))) {
        std::string_view rest = key.path.substr(prefix.empty() ? 0 : prefix.size() + 1);
        siblings.push_back(rest.substr(0, rest.find('.')));
      }
    }
    diagnostics_->Error(member.key, "unknown-key",
                        Concat("unknown key \"", member.key.scalar.substr(0, 60), "\"",
                               prefix.empty() ? "" : Concat(" in \"", prefix, "\""),
                               DidYouMean(member.key.scalar, siblings)));
  }

  void ReadSinks(const YamlNode& list) {
    if (!list.IsSequence()) {
      diagnostics_->Error(list, "wrong-type", "\"sinks\" must be a list");
      return;
    }
    for (const YamlNode& item : list.items) {
      if (!item.IsMap() || item.members.size() != 1) {
        diagnostics_->Error(item, "wrong-type",
                            "a sink is a map with one key, its kind: `- postgres: {...}`");
        continue;
      }
      const YamlMember& sink = item.members[0];
      const std::string path = Join(kSinks, sink.key.scalar);
      if (present_.count(path) != 0) {
        diagnostics_->Error(sink.key, "not-supported",
                            "a pipeline has one sink of each kind for now");
      } else {
        ReadMember(sink, std::string(kSinks));
      }
    }
  }

  void Set(const PipelineKey& key, const YamlNode& value) {
    present_.emplace(key.path);
    if (!value.IsScalar()) {
      diagnostics_->Error(value, "wrong-type",
                          Concat("\"", key.path, "\" must be one value: ", key.values));
      return;
    }
    absl::StatusOr<std::string> text = ExpandEnvironment(value.scalar);
    if (!text.ok()) {
      diagnostics_->Error(value, "environment", std::string(text.status().message()));
      return;
    }
    config_->places[std::string(key.path)] = {value.line, value.column};
    if (std::string problem = key.set(*text, config_); !problem.empty()) {
      diagnostics_->Error(value, "invalid-value", Concat("\"", key.path, "\" ", problem));
    }
  }

  void CheckPresent(const PipelineKey& key, const YamlNode& root) {
    if (key.required_in == "-" || present_.count(std::string(key.path)) != 0) return;
    if (present_.count(std::string(key.required_in)) == 0) return;
    diagnostics_->Error(Nearest(key.path, root), "missing-key",
                        Concat("\"", key.path, "\" is missing"));
  }

  /// The innermost map on the way to `path` that is written in the file.
  static const YamlNode& Nearest(std::string_view path, const YamlNode& root) {
    const YamlNode* at = &root;
    while (true) {
      const size_t dot = path.find('.');
      const YamlNode* next = at->Find(path.substr(0, dot));
      if (next != nullptr && next->IsSequence() && dot != std::string_view::npos) {
        path.remove_prefix(dot + 1);  // an item of `sinks`, by its kind
        const std::string_view kind = path.substr(0, path.find('.'));
        const YamlNode* sequence = std::exchange(next, nullptr);
        for (const YamlNode& item : sequence->items) {
          if (next == nullptr) next = item.Find(kind);
        }
      }
      if (next == nullptr || !next->IsMap()) return *at;
      at = next;
      const size_t end = path.find('.');
      if (end == std::string_view::npos) return *at;
      path.remove_prefix(end + 1);
    }
  }

  void CheckTables() {
    if (!config_->postgres.has_value()) return;
    const PostgresSinkConfig& sink = *config_->postgres;
    std::set<std::string_view> names;
    for (const std::string* name :
         {&sink.clean_table, &sink.failed_table, &sink.corrupt_table, &sink.audit_view}) {
      if (!name->empty() && !names.insert(*name).second) {
        diagnostics_->ErrorAt(0, 0, "duplicate-name",
                              Concat("two tables have the name \"", *name, "\""));
      }
    }
  }

  /// Of windows of event time.
  void CheckWindow() {
    const absl::Duration window = config_->quality_window.event_time;
    if (config_->quality_window.records != 0) return;
    const auto [line, column] = config_->places.find("quality.window")->second;
    if (config_->event_time_column.empty()) {
      diagnostics_->ErrorAt(line, column, "missing-key",
                            "\"quality.window\" is of event time, which needs "
                            "\"event_time.column\"; or write a number of records");
    }
    if (config_->watermark_delay > kMaxDelayInWindows * window) {
      diagnostics_->ErrorAt(
          line, column, "invalid-value",
          Concat("\"quality.window\" must be at least ",
                 absl::FormatDuration(
                     absl::Ceil(config_->watermark_delay / kMaxDelayInWindows, absl::Seconds(1))),
                 " with this \"event_time.watermark_delay\", for which windows are kept open"));
    }
  }

  PipelineConfig* config_;
  Diagnostics* diagnostics_;
  std::set<std::string> present_;  // paths
};

}  // namespace

std::string PipelineConfig::InternalTopic(std::string_view stage) const {
  return Concat("sluice.", name, ".", generation, ".", stage);
}

std::string PipelineConfig::ConsumerGroup(std::string_view member) const {
  return Concat("sluice.", name, ".", generation, ".", member);
}

std::string PipelineFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return (std::filesystem::path(path) / "pipeline.yaml").string();
  return path;
}

absl::StatusOr<PipelineConfig> LoadPipeline(const std::string& path) {
  const std::string file = PipelineFile(path);
  absl::StatusOr<std::string> text = ReadTextFile(file);
  if (!text.ok()) return text.status();
  return ParsePipeline(*text, file);
}

absl::StatusOr<PipelineConfig> ParsePipeline(std::string_view text, const std::string& file) {
  std::vector<Problem> problems;
  std::optional<PipelineConfig> config = ReadPipeline(text, file, &problems);
  if (!config.has_value()) return absl::InvalidArgumentError(ToString(problems));
  return *std::move(config);
}

std::optional<PipelineConfig> ReadPipeline(std::string_view text, const std::string& file,
                                           std::vector<Problem>* problems) {
  Diagnostics diagnostics(file);
  PipelineConfig config;
  if (std::optional<YamlNode> root = ParseYaml(text, &diagnostics)) {
    PipelineReader(&config, &diagnostics).Read(*root);
  }
  *problems = diagnostics.All();
  if (!diagnostics.ok()) return std::nullopt;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  config.file = file;
  config.folder = folder.empty() ? "." : folder.string();
  config.contract_path = (folder / config.contract_path).string();
  return config;
}

namespace {

/// How many objects are around a column at most, the record included.
int DepthOf(const Contract& contract) {
  int deepest = 1;
  for (const Column& column : contract.columns) {
    int depth = 1;
    for (int object = column.object; object >= 0;
         object = contract.objects[static_cast<size_t>(object)].parent)
      ++depth;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

}  // namespace

std::vector<Problem> PipelineProblems(const PipelineConfig& pipeline, const Contract& contract) {
  std::vector<Problem> problems;
  auto refuse = [&](std::string_view key, std::string message, std::string id) {
    const auto place = pipeline.places.find(key);
    const auto [line, at] = place == pipeline.places.end() ? std::pair(0, 0) : place->second;
    problems.push_back(
        {Problem::Severity::kError, pipeline.file, line, at, std::move(message), std::move(id)});
  };
  auto check = [&](std::string_view key, const std::string& name, std::vector<LogicalType> types,
                   std::string_view wanted) {
    if (name.empty()) return;
    const int column = contract.FindColumn(name);
    std::string message;
    if (column < 0) {
      std::vector<std::string_view> names;
      for (const Column& candidate : contract.columns) names.push_back(candidate.name);
      message = Concat("\"", key, "\": the contract has no column \"", name, "\"",
                       DidYouMean(name, names));
    } else {
      for (LogicalType type : types) {
        if (contract.columns[column].type == type && !contract.columns[column].list) return;
      }
      message = Concat("\"", key, "\": column \"", name, "\" must be ", wanted);
    }
    refuse(key, std::move(message), "unknown-column");
  };
  if (const int depth = DepthOf(contract); depth > pipeline.max_depth) {
    refuse("limits.max_depth",
           Concat("\"limits.max_depth\": a record of the contract is nested ", depth, " deep"),
           "invalid-value");
  }
  const auto metrics = static_cast<int64_t>(contract.metrics.size());
  if (pipeline.quality_window.records == 0 && metrics * pipeline.batch_rows > kMaxResults) {
    refuse("quality.window",
           Concat("\"quality.window\" is of event time, and each record of a batch may close a "
                  "window with ",
                  metrics, " metrics; lower \"batch.rows\" to ", kMaxResults / metrics),
           "invalid-value");
  }
  check("event_time.column", pipeline.event_time_column, {LogicalType::kTimestamp}, "a timestamp");
  if (contract.freshness.has_value() && contract.freshness->column_index >= 0) {
    const size_t column = static_cast<size_t>(contract.freshness->column_index);
    if (const std::string& name = contract.columns[column].name; name != pipeline.event_time_column)
      refuse("event_time.column",
             Concat("\"event_time.column\" must be \"", name,
                    "\": the contract says by it how old the newest record may be"),
             "invalid-value");
  }
  if (pipeline.postgres.has_value()) {
    check("sinks.postgres.partition_by.column", pipeline.postgres->partition_column,
          {LogicalType::kDate, LogicalType::kTimestamp}, "a date or a timestamp");
  }
  return problems;
}

absl::Status CheckPipeline(const PipelineConfig& pipeline, const Contract& contract) {
  const std::vector<Problem> problems = PipelineProblems(pipeline, contract);
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(ToString(problems));
}

}  // namespace sluice::contract
