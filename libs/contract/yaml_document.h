#pragma once
// A YAML file as a tree that remembers where everything was written. A deliberately small YAML: one
// document, no aliases, no tags, no duplicate keys, bounded depth and size. Any bytes are accepted
// as input.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/problem.h"

namespace sluice::contract {

struct YamlMember;

/// A node and its position. Positions count from 1, in bytes.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  bool plain = true;  ///< a scalar without quotes, and not a block scalar
  int line = 0;
  int column = 0;
  std::string scalar;
  std::vector<YamlNode> items;      ///< of a sequence
  std::vector<YamlMember> members;  ///< of a map, in the order of the file; keys are unique scalars

  bool IsNull() const { return kind == Kind::kNull; }
  bool IsScalar() const { return kind == Kind::kScalar; }
  bool IsSequence() const { return kind == Kind::kSequence; }
  bool IsMap() const { return kind == Kind::kMap; }
  /// The value of `key`, null when this is no map or has no such key.
  const YamlNode* Find(std::string_view key) const;
};

struct YamlMember {
  YamlNode key;
  YamlNode value;
};

/// Counted from 1, in bytes.
struct YamlPosition {
  int line;
  int column;
};

/// Collects the problems of one file.
class Diagnostics {
 public:
  explicit Diagnostics(std::string_view file) : file_(file) {}

  void Error(const YamlNode& at, std::string_view id, std::string message);
  void Warning(const YamlNode& at, std::string_view id, std::string message);
  void ErrorAt(int line, int column, std::string_view id, std::string message);

  bool ok() const { return errors_.empty(); }
  const std::string& file() const { return file_; }
  /// In the order of the file.
  std::vector<Problem> Errors() const;
  std::vector<Problem> All() const;

 private:
  std::string file_;
  std::vector<Problem> errors_;
  std::vector<Problem> warnings_;
};

inline constexpr size_t kMaxYamlBytes = 1 << 20;
inline constexpr int kMaxYamlDepth = 32;

/// The root of the only document in `text`; nothing when it could not be read at all. Duplicate
/// keys and the like are reported and the tree is returned nevertheless, so that later checks can
/// report their problems too.
std::optional<YamlNode> ParseYaml(std::string_view text, Diagnostics* diagnostics);

/// Where character `offset` of the scalar `node` stands in `text`, when escapes and folding allow
/// to tell.
std::optional<YamlPosition> LocateInScalar(std::string_view text, const YamlNode& node,
                                           size_t offset);

}  // namespace sluice::contract
