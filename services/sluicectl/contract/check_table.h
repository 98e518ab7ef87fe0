#pragma once
// The outcome of `contract test` for people, programs and CI.

#include <string>

#include "contract/contract.h"
#include "sample/trial.h"
#include "sluicectl/json.h"

namespace sluice::sluicectl {

struct CheckReport {
  const contract::Contract& contract;
  const sample::CheckTable& table;
  sample::Format format;

  /// Whether a metric misses its threshold in some window: one whose severity is error, or (not
  /// `error`) one with a lower severity.
  bool MissesThreshold(bool error) const;
  /// Without a line end.
  std::string ToText() const;
  Json ToJson(bool passed) const;
  /// A case per rule and metric, and one for the records as such. One that only warns fails when
  /// `warnings_fail`.
  std::string ToJunit(bool warnings_fail) const;
};

/// One line of --records.
Json RecordJson(const contract::Contract& contract, const sample::RecordVerdict& record);

}  // namespace sluice::sluicectl
