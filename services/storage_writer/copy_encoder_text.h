#pragma once
// Bytes that PostgreSQL's text cannot hold, made visible; and values that have no fixed width.

#include <string>
#include <string_view>

namespace sluice::storage_writer {

/// Whether `bytes` can be stored as text: UTF-8 without U+0000.
bool IsStorableText(std::string_view bytes);

/// `bytes` as text: what is not UTF-8, and NUL, becomes \xHH; all else stays. For people: where the
/// exact bytes count they are stored beside it.
std::string VisibleText(std::string_view bytes);

/// A Kafka key as text: itself when it is storable, else all of it as \x and hexadecimal digits, as
/// bytea is shown.
std::string KeyText(std::string_view key);

/// A decimal number ("-12.5e3", "nan", "inf") in the binary form of PostgreSQL's numeric; empty
/// when it has none.
std::string NumericBinary(std::string_view decimal);
std::string NumericBinary(double value);

/// The 16 bytes of a UUID in any of the usual spellings; empty when it is none.
std::string UuidBinary(std::string_view text);

}  // namespace sluice::storage_writer
