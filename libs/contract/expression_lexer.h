#pragma once
// The tokens of the rule language.

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::contract {

/// A column of such a name is written in backticks. Other words of the language are words only
/// where no column can stand.
inline constexpr std::string_view kReservedWords[] = {
    "and", "or", "not", "is", "in", "between", "matches", "case", "true", "false", "null"};

struct Token {
  enum class Kind { kEnd, kName, kQuotedName, kNumber, kString, kSymbol };
  Kind kind = Kind::kEnd;
  std::string text;   ///< without quotes
  size_t offset = 0;  ///< in bytes
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  /// Read the next token. False: nothing there begins or ends one, see `error()`.
  bool Next(Token* token);
  /// Whether the character after the last token (and white space) is one of `chars`.
  bool PeekIsOneOf(std::string_view chars) const;

  std::string_view error() const { return error_; }
  size_t error_offset() const { return error_offset_; }

 private:
  void ReadPath(std::string* out);
  bool ReadQuoted(char quote, std::string* out);
  bool ReadNumber(std::string* out);
  bool ReadSymbol(std::string* out);
  bool Fail(size_t offset, std::string_view message);
  size_t AfterSpace() const;

  std::string_view text_;
  size_t at_ = 0;
  std::string_view error_;
  size_t error_offset_ = 0;
};

}  // namespace sluice::contract
