#pragma once
// JSON as records are written in: bytes stay what they are, whether or not they are UTF-8.

#include <string>
#include <string_view>

namespace sluice::sample {

/// `text` in quotes; only what JSON demands is escaped.
void AppendText(std::string_view text, std::string* json);

/// Whether `text` is a number as JSON writes it, all of it.
bool IsJsonNumber(std::string_view text);

/// Whether `text` is an array as JSON writes it, all of it.
bool IsJsonArray(std::string_view text);

/// The shortest text that reads back as `value` and does not look like an integer: 5.0, 1e+300.
/// What JSON has no number for (NaN, infinity) is a text.
void AppendNumber(double value, std::string* json);

}  // namespace sluice::sample
