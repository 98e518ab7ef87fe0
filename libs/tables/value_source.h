#pragma once
// Where a column of a table takes its values from.

#include <cstdint>
#include <string>

namespace sluice::tables {

struct ValueSource {
  enum class Kind : uint8_t {
    kField,      ///< field `field` of the batch
    kKey,        ///< `_key` as text, bytes that are no text as \x and hexadecimal digits
    kReason,     ///< the text of `_reason`
    kRawText,    ///< `_raw` as text, bytes that are no text as \xHH
    kSummary,    ///< what is wrong with a failed row: rules::Summary
    kPartition,  ///< of the source
    kContractId,
    kLoadTimestamp,
    kConstant,  ///< `text`
  };
  Kind kind = Kind::kField;
  int field = -1;
  std::string text = "";
};

}  // namespace sluice::tables
