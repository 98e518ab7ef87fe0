#pragma once
// `COLUMN=VALUE`: a condition on a column of the contract, as sluicectl's --where takes it.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/contract.h"

namespace sluice::sluicectl {

struct ColumnCondition {
  std::string column;        ///< as the contract names it: by its path
  std::string table_column;  ///< as PostgreSQL does
  std::string value;         ///< as PostgreSQL reads it
  std::string member;        ///< the member of a row's JSON (batch/row_json.h) that says the same
};

/// The value is read as the engine reads it in a record: a number as JSON has it, a moment in the
/// column's format; a string is taken as it is. kInvalidArgument: no such column (names the nearest
/// one), a value that the column cannot have, or a column twice.
absl::StatusOr<std::vector<ColumnCondition>> ParseConditions(const std::vector<std::string>& texts,
                                                             const contract::Contract& contract);

}  // namespace sluice::sluicectl
