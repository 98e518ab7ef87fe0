#pragma once
// Compiles everything in a contract that decides clean or failed into rules.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "contract/contract.h"
#include "contract/yaml_document.h"
#include "contract/yaml_reader.h"

namespace sluice::contract {

/// Used once per contract, after its columns are known.
class RuleCompiler {
 public:
  /// `text` is the contract's file, for positions inside of expressions. All arguments outlive this
  /// object.
  RuleCompiler(std::string_view text, bool is_v30, Contract* contract, Diagnostics* diagnostics)
      : text_(text), is_v30_(is_v30), contract_(contract), diagnostics_(diagnostics) {}

  /// `logicalTypeOptions` and `quality` of a property.
  void CompileProperty(const YamlNode& property, int column);
  /// `quality` of the table.
  void CompileTable(const YamlNode& schema);
  /// Name the rules that have no id of their own.
  void Finish();

 private:
  struct Bound;
  /// What an option is about: the value of a column, or each item of an array.
  struct Subject {
    int column;
    bool items = false;
  };
  void CompileOptions(const YamlNode& options, const Subject& subject);
  void CompileArrayOptions(const YamlNode& options, int column);
  void CompileCardinality(const MapReader& options, int column);
  void CheckItemOptions(const YamlNode& items, const Member& member);
  void CheckMemberOptions(const YamlNode& object, const Member& owner);
  void RefuseItemOption(const MapReader& options, std::string_view key);
  void CompileBounds(const MapReader& options, const Subject& subject);
  bool ReadBound(const Bound& bound, const MapReader& options, const Column& column,
                 Expression* literal);
  bool IsStrictFlag(const MapReader& options, std::string_view key);
  void CompileLengths(const MapReader& options, const Subject& subject);
  void CompileMultipleOf(const MapReader& options, const Subject& subject);
  void CompilePatterns(const MapReader& options, const Subject& subject);
  void CheckFormat(const MapReader& options, const Member& member);
  Expression LengthAtMost(const Subject& subject, int64_t limit);
  Expression ValueOf(const Subject& subject) const;
  Column ColumnFor(const Subject& subject) const;

  void CompileQuality(const YamlNode& quality, int column);
  void CompileLibrary(const MapReader& quality, int column, Rule rule);
  std::optional<std::string> ReadMetric(const MapReader& quality);
  bool IsMeasured(const MapReader& quality, const std::string& metric, int column);
  void CheckNoArguments(const MapReader& quality, std::string_view metric);
  bool ReadCompared(const MapReader& quality, int column, std::vector<int>* compared);
  bool CheckComparable(const YamlNode& at, int column);
  int FindNamed(const YamlNode& node);
  bool CompileMetric(const MapReader& quality, const std::string& metric, int column, Rule* rule);
  bool CompileMissingValues(const YamlNode& arguments, int column, Rule* rule);
  bool CompileInvalidValues(const YamlNode& arguments, int column, Rule* rule);
  void CompileCustom(const MapReader& quality, int column, Rule rule);
  bool ReadRuleHead(const MapReader& quality, int column, Rule* rule);
  bool ReadValues(const YamlNode& list, int column, std::vector<Expression>* values,
                  bool* has_null);
  void RefuseKeys(const MapReader& quality, absl::Span<const std::string_view> keys,
                  std::string_view type);

  Expression ColumnOf(int column) const;
  /// A rule of `logicalTypeOptions`: the record fails when `predicate` is false.
  void AddOption(const YamlNode& at, const Subject& subject, std::string_view check,
                 std::string_view dimension, Expression predicate, std::string summary = "");
  void Add(const YamlNode& at, Rule rule, std::string_view check);
  void AddMetric(const YamlNode& at, Metric metric, std::string_view check);
  bool HasRoom(const YamlNode& at, size_t rules);
  /// What a rule or metric without an id of its own would like to be called.
  struct Wish {
    std::string id;  ///< empty: it has its own
    const YamlNode* at;
  };
  void Name(const Wish& wish, int column, std::string* id);
  bool IsNested(int column) const;

  std::string_view text_;
  bool is_v30_;
  Contract* contract_;
  Diagnostics* diagnostics_;
  std::set<std::string> ids_;
  std::map<std::string, int> made_for_;  // ids that were made, to the column of their rule
  std::vector<Wish> wishes_;             // per rule
  std::vector<Wish> metric_wishes_;      // the same per metric
  bool too_many_ = false;
};

}  // namespace sluice::contract
