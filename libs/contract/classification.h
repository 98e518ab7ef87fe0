#pragma once
// `classification` of a column: which values a tool shows only to those who ask for them.

#include <string_view>

#include "contract/contract.h"

namespace sluice::contract {

/// What a tool shows instead of a classified value.
inline constexpr std::string_view kRedacted = "[redacted]";

/// Every classification but `public` and `internal`, in upper or lower case, and none: a word that
/// nobody here knows (`confidential`, `restricted`, `sensitive`, `pii`, ...) is meant to protect.
bool Protects(std::string_view classification);

/// Whether its classification protects it.
bool IsClassified(const Column& column);

/// Whether some column is: bytes that hold a whole record may hold its value then.
bool HasClassified(const Contract& contract);

}  // namespace sluice::contract
