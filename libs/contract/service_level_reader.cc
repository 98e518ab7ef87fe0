#include "contract/service_level_reader.h"

#include <cmath>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "contract/duration.h"
#include "contract/odcs_keys.h"
#include "contract/suggestion.h"

namespace sluice::contract {
namespace {

/// Reads the property that says how fresh the table is.
class FreshnessReader {
 public:
  FreshnessReader(const MapReader& property, const YamlNode* default_element, Contract* contract,
                  Diagnostics* diagnostics)
      : property_(property),
        default_element_(default_element),
        contract_(contract),
        diagnostics_(diagnostics) {}

  void Run() {
    if (const YamlNode* more = property_.Find("valueExt")) {
      diagnostics_->Error(*more, "not-supported",
                          "of a latency one value is the objective: remove \"valueExt\"");
    }
    const absl::Duration objective = ReadObjective();
    const int column = ReadElement();
    if (contract_->freshness.has_value()) {
      diagnostics_->Error(property_.node(), "duplicate-name",
                          "a table has one latency (or freshness), and this is its second");
      return;
    }
    contract_->freshness = Freshness{objective, column};
  }

 private:
  absl::Duration ReadObjective() {
    const std::string value = property_.RequiredText("value").value_or("");
    const absl::Duration unit = ReadUnit();
    if (value.empty() || unit == absl::ZeroDuration()) return absl::ZeroDuration();
    double number = 0;
    const bool is_number = absl::SimpleAtod(value, &number) && std::isfinite(number);
    if (!is_number || number <= 0 || number * unit > kLongestDuration ||
        number * unit < absl::Seconds(1)) {
      diagnostics_->Error(*property_.Find("value"), "invalid-value",
                          "a latency is a number of its unit, from a second to 36500 days");
      return absl::ZeroDuration();
    }
    return number * unit;
  }

  absl::Duration ReadUnit() {
    const std::string name = absl::AsciiStrToLower(property_.RequiredText("unit").value_or(""));
    if (name.empty()) return absl::ZeroDuration();
    const absl::Duration unit = DurationUnit(name == "min" ? "m" : name == "hr" ? "h" : name);
    if (absl::Seconds(1) <= unit && unit <= absl::Hours(24)) return unit;
    diagnostics_->Error(*property_.Find("unit"), "invalid-value",
                        Concat("\"", name.substr(0, 60),
                               "\" is no unit of a latency: write s, min, h or d (a month and a "
                               "year have no length of their own)"));
    return absl::ZeroDuration();
  }

  /// -1: none is named, or none that is there.
  int ReadElement() {
    const YamlNode* node = property_.Find("element");
    if (node == nullptr) node = default_element_;
    if (node == nullptr) return -1;
    if (!node->IsScalar()) {
      diagnostics_->Error(*node, "wrong-type", "\"element\" must be text");
      return -1;
    }
    std::string_view name = node->scalar;
    if (const std::string table = Concat(contract_->table, ".");
        contract_->FindColumn(name) < 0 && name.substr(0, table.size()) == table)
      name.remove_prefix(table.size());
    const int column = contract_->FindColumn(name);
    if (column < 0) {
      std::vector<std::string_view> names;
      for (const Column& candidate : contract_->columns) names.push_back(candidate.name);
      diagnostics_->Error(*node, "unknown-column",
                          Concat("the table has no column \"", name.substr(0, 60),
                                 "\": a latency is of one column, as ", contract_->table, ".column",
                                 DidYouMean(name, names)));
    } else if (const Column& found = contract_->columns[static_cast<size_t>(column)];
               found.list || found.type != LogicalType::kTimestamp) {
      diagnostics_->Error(*node, "wrong-type",
                          Concat("a latency is of a timestamp, and \"", name, "\" is none"));
    }
    return column;
  }

  const MapReader& property_;
  const YamlNode* default_element_;
  Contract* contract_;
  Diagnostics* diagnostics_;
};

}  // namespace

void ReadServiceLevels(const MapReader& reader, Contract* contract, Diagnostics* diagnostics) {
  const std::vector<YamlNode>* list = reader.List("slaProperties");
  if (list == nullptr) return;
  for (const YamlNode& item : *list) {
    const MapReader property(item, ServiceLevelKeys(), "a service level", diagnostics);
    const std::string name = absl::AsciiStrToLower(property.RequiredText("property").value_or(""));
    if (name != "latency" && name != "freshness") continue;
    FreshnessReader(property, reader.Find("slaDefaultElement"), contract, diagnostics).Run();
  }
}

}  // namespace sluice::contract
