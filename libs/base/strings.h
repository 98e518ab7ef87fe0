#pragma once
// Where std::string_view meets Abseil. Debian 12 builds Abseil with a string_view of its own,
// Debian 13 with the standard one; these few functions work with both.

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace sluice {

/// For Abseil's functions that take a view.
inline absl::string_view AbslView(std::string_view text) { return {text.data(), text.size()}; }
/// From Abseil's functions that return one, such as absl::Status::message().
inline std::string_view StdView(absl::string_view text) { return {text.data(), text.size()}; }

namespace strings_internal {
template <typename T>
const T& Piece(const T& value) {
  return value;
}
inline absl::string_view Piece(const std::string_view& text) { return AbslView(text); }
}  // namespace strings_internal

/// absl::StrCat that takes std::string_view as well.
template <typename... Pieces>
std::string Concat(const Pieces&... pieces) {
  return absl::StrCat(strings_internal::Piece(pieces)...);
}

/// absl::StrAppend that takes std::string_view as well.
template <typename... Pieces>
void Append(std::string* out, const Pieces&... pieces) {
  absl::StrAppend(out, strings_internal::Piece(pieces)...);
}

}  // namespace sluice
