#pragma once
// One row as JSON, for people: taps and explanations.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "arrow/type_fwd.h"
#include "contract/contract.h"

namespace sluice::batch {

/// The contract's columns of row `row` as a JSON object, in the contract's order and with its
/// objects; an object that need not be there, and whose columns are all null, is null. Timestamps
/// and dates in ISO 8601 (UTC).
std::string RowJson(const contract::Contract& contract, const arrow::RecordBatch& rows,
                    int64_t row);

/// The same with contract::kRedacted for the values of classified columns; a null stays null.
std::string RedactedRowJson(const contract::Contract& contract, const arrow::RecordBatch& rows,
                            int64_t row);
/// The same for the columns of these names.
std::string RedactedRowJson(const contract::Contract& contract, const arrow::RecordBatch& rows,
                            int64_t row, const std::set<std::string>& columns);

/// Append `text` as a JSON string with quotes. Control characters, marks that turn the direction of
/// text, and bytes that are not UTF-8 are escaped, so that it does nothing to a terminal.
void AppendJsonString(std::string_view text, std::string* out);

/// The same JSON, of somebody else, with those characters escaped as well.
std::string PrintableJson(std::string_view json);

}  // namespace sluice::batch
