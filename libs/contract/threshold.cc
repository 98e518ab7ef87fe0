#include "contract/threshold.h"

#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace sluice::contract {
namespace {

using Operator = Threshold::Operator;

struct OperatorKey {
  std::string_view key;
  Operator op;
};
constexpr OperatorKey kOperators[] = {
    {"mustBe", Operator::kEqual},
    {"mustNotBe", Operator::kNotEqual},
    {"mustBeGreaterThan", Operator::kGreater},
    {"mustBeGreaterOrEqualTo", Operator::kGreaterOrEqual},
    {"mustBeLessThan", Operator::kLess},
    {"mustBeLessOrEqualTo", Operator::kLessOrEqual},
    {"mustBeBetween", Operator::kBetween},
    {"mustNotBeBetween", Operator::kNotBetween},
};

std::string NumberText(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.15g", number);
  return text;
}

bool HasTwoBounds(Operator op) { return op == Operator::kBetween || op == Operator::kNotBetween; }

bool ReadBound(const YamlNode& node, std::string_view key, double* bound,
               Diagnostics* diagnostics) {
  if (node.IsScalar() && absl::SimpleAtod(node.scalar, bound) && std::isfinite(*bound)) return true;
  diagnostics->Error(node, "wrong-type", Concat("\"", key, "\" must be a number"));
  return false;
}

bool ReadBounds(const YamlNode& node, std::string_view key, Threshold* threshold,
                Diagnostics* diagnostics) {
  if (!HasTwoBounds(threshold->op)) return ReadBound(node, key, &threshold->low, diagnostics);
  if (!node.IsSequence() || node.items.size() != 2) {
    diagnostics->Error(node, "wrong-type", Concat("\"", key, "\" must be a list of two numbers"));
    return false;
  }
  if (!ReadBound(node.items[0], key, &threshold->low, diagnostics) ||
      !ReadBound(node.items[1], key, &threshold->high, diagnostics)) {
    return false;
  }
  if (threshold->low <= threshold->high) return true;
  diagnostics->Error(node, "invalid-value",
                     Concat("\"", key, "\" must have the smaller number first"));
  return false;
}

}  // namespace

std::optional<Threshold> ReadThreshold(const MapReader& quality, bool may_be_none,
                                       Diagnostics* diagnostics) {
  const OperatorKey* found = nullptr;
  for (const OperatorKey& candidate : kOperators) {
    const YamlNode* node = quality.Find(candidate.key);
    if (node == nullptr) continue;
    if (found != nullptr) {
      diagnostics->Error(
          *node, "unexpected-key",
          Concat("a quality rule has one threshold, and \"", found->key, "\" is one"));
      return std::nullopt;
    }
    found = &candidate;
  }
  Threshold threshold;
  if (found == nullptr) {
    if (may_be_none) return threshold;
    diagnostics->Error(quality.node(), "missing-key",
                       "a quality rule needs a threshold, such as \"mustBe: 0\"");
    return std::nullopt;
  }
  threshold.op = found->op;
  if (!ReadBounds(*quality.Find(found->key), found->key, &threshold, diagnostics))
    return std::nullopt;
  return threshold;
}

bool MeansNone(const Threshold& threshold, bool percent) {
  // Of rows, fewer than one are none; of percent there is always a smaller one.
  if (threshold.op == Operator::kLess) return !percent && threshold.low > 0 && threshold.low <= 1;
  return (threshold.op == Operator::kEqual || threshold.op == Operator::kLessOrEqual) &&
         threshold.low == 0;
}

bool Threshold::Holds(double value) const {
  switch (op) {
    case Operator::kEqual:
      return value == low;
    case Operator::kNotEqual:
      return value != low;
    case Operator::kGreater:
      return value > low;
    case Operator::kGreaterOrEqual:
      return value >= low;
    case Operator::kLess:
      return value < low;
    case Operator::kLessOrEqual:
      return value <= low;
    case Operator::kBetween:
      return low <= value && value <= high;
    case Operator::kNotBetween:
      break;
  }
  return value < low || value > high;
}

std::string Threshold::Text() const {
  const std::string_view key = kOperators[static_cast<size_t>(op)].key;
  if (!HasTwoBounds(op)) return Concat(key, ": ", NumberText(low));
  return Concat(key, ": [", NumberText(low), ", ", NumberText(high), "]");
}

double Metric::Value(int64_t counted, int64_t rows, int64_t read) const {
  if (unit == Unit::kRows) return static_cast<double>(counted);
  const int64_t whole = predicate || !compared.empty() ? rows : read;
  return whole == 0 ? 0 : 100.0 * static_cast<double>(counted) / static_cast<double>(whole);
}

std::string Metric::Asked() const {
  return Concat(threshold.Text(), unit == Unit::kPercent ? " percent" : "");
}

}  // namespace sluice::contract
