#pragma once
// A contract to begin with, from a sample: what every record of it has in common.
//
// The contract lints clean, and every usable record of the sample is clean by it. Types are the
// narrowest that hold every value; a member that is there and not null in every record is required;
// bounds are comments, because a sample does not show what may come; a text that takes few values
// often gets a rule that warns of others. An object becomes an object with properties, an array of
// them one whose items have properties. A member that no column can hold (an array of arrays, texts
// and numbers mixed, a name that PostgreSQL cannot use) is left out, by name, and unknown fields
// are then ignored.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "record/record_parser.h"
#include "sample/sample.h"
#include "sample/trial.h"

namespace sluice::sample {

struct InferenceOptions {
  std::string name = "sample";  ///< of contract and table: [A-Za-z0-9_-]+
  std::string source;           ///< what the sample is called in the head comment
  record::Limits limits;
};

struct Inference {
  std::string contract;               ///< the file's text; empty when no record is usable
  int64_t records = 0;                ///< that it was made from
  int64_t unusable = 0;               ///< records that no contract accepts, such as broken JSON
  std::vector<Example> examples;      ///< of those: `value` is the reason
  std::vector<std::string> left_out;  ///< members that have no column
};

/// Reads the whole sample, which must have been opened without a contract. kInvalidArgument as
/// Sample::Next.
absl::StatusOr<Inference> InferContract(const InferenceOptions& options, Sample* sample);

}  // namespace sluice::sample
