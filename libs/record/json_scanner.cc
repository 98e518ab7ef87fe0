#include "record/json_scanner.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/charconv.h"

namespace sluice::record {
namespace {

using batch::Reason;

// A number written without exponent and with fewer characters is not beyond the largest double.
constexpr size_t kMaxPlainDigits = 300;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

class JsonScanner::Pass {
 public:
  Pass(JsonScanner* scanner, std::string_view text, char* patch)
      : scanner_(scanner),
        begin_(text.data()),
        at_(begin_),
        end_(begin_ + text.size()),
        patch_(patch) {}

  std::optional<Reason> Run() {
    bool value_expected = true;
    for (;;) {
      SkipSpace();
      if (value_expected) {
        if (!Value(&value_expected)) return fault_;
      } else if (open().empty()) {
        return at_ == end_ ? std::nullopt : Fault(Reason::kInvalidJson);
      } else if (!Continue(&value_expected)) {
        return fault_;
      }
    }
  }

 private:
  std::string& open() { return scanner_->open_; }

  std::optional<Reason> Fault(Reason reason) {
    fault_ = reason;
    return fault_;
  }
  bool Fail(Reason reason = Reason::kInvalidJson) {
    fault_ = reason;
    return false;
  }

  void SkipSpace() {
    while (at_ < end_ && IsSpace(*at_)) ++at_;
  }

  /// One value, or the opening of one. `*value_expected`: whether another must follow at once.
  bool Value(bool* value_expected) {
    if (at_ == end_) return Fail();
    *value_expected = false;
    switch (*at_) {
      case '{':
      case '[':
        return Open(value_expected);
      case '"':
        return String();
      case 't':
        return Literal("true");
      case 'f':
        return Literal("false");
      case 'n':
        return Literal("null");
      default:
        return Number();
    }
  }

  bool Open(bool* value_expected) {
    const char bracket = *at_++;
    SkipSpace();
    if (at_ < end_ && *at_ == (bracket == '{' ? '}' : ']')) {
      ++at_;
      return true;
    }
    if (static_cast<int>(open().size()) >= scanner_->max_depth_) return Fail(Reason::kTooDeep);
    open().push_back(bracket);
    *value_expected = true;
    return bracket == '[' || Key();
  }

  /// After a value inside an array or object: a comma or the closing bracket.
  bool Continue(bool* value_expected) {
    if (at_ == end_) return Fail();
    const bool object = open().back() == '{';
    const char c = *at_++;
    if (c == (object ? '}' : ']')) {
      open().pop_back();
      return true;
    }
    if (c != ',') return Fail();
    *value_expected = true;
    if (!object) return true;
    SkipSpace();
    return Key();
  }

  bool Key() {
    if (at_ == end_ || *at_ != '"') return Fail();
    if (!String()) return false;
    SkipSpace();
    if (at_ == end_ || *at_ != ':') return Fail();
    ++at_;
    return true;
  }

  bool String() {
    ++at_;
    while (at_ < end_) {
      const unsigned char c = static_cast<unsigned char>(*at_);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return Fail();
      if (c == '\\') {
        if (!Escape()) return false;
      } else {
        ++at_;
      }
    }
    return Fail();
  }

  bool Escape() {
    if (++at_ == end_) return Fail();
    const char c = *at_;
    if (c != 'u') {
      if (c == '\0' || std::strchr("\"\\/bfnrt", c) == nullptr) return Fail();
      ++at_;
      return true;
    }
    int unit = 0;
    if (!HexUnit(&unit)) return false;
    if (unit < 0xD800 || unit > 0xDFFF) return true;
    if (unit > 0xDBFF || end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') {
      return Fail(Reason::kInvalidUtf8);
    }
    ++at_;
    if (!HexUnit(&unit)) return false;
    return (unit >= 0xDC00 && unit <= 0xDFFF) || Fail(Reason::kInvalidUtf8);
  }

  /// `u` and four hexadecimal digits.
  bool HexUnit(int* unit) {
    if (end_ - at_ < 5) return Fail();
    int value = 0;
    for (int i = 1; i <= 4; ++i) {
      const int digit = HexValue(at_[i]);
      if (digit < 0) return Fail();
      value = value * 16 + digit;
    }
    at_ += 5;
    *unit = value;
    return true;
  }

  bool Literal(std::string_view word) {
    if (std::string_view(at_, end_ - at_).substr(0, word.size()) != word) return Fail();
    at_ += word.size();
    return true;
  }

  bool Digits() {
    const char* const start = at_;
    while (at_ < end_ && IsDigit(*at_)) ++at_;
    return at_ > start || Fail();
  }

  bool Number() {
    const char* const start = at_;
    if (*at_ == '-') ++at_;
    if (at_ < end_ && *at_ == '0') {
      ++at_;
    } else if (!Digits()) {
      return false;
    }
    bool integer = true;
    bool exponent = false;
    if (at_ < end_ && *at_ == '.') {
      integer = false;
      ++at_;
      if (!Digits()) return false;
    }
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      integer = false;
      exponent = true;
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!Digits()) return false;
    }
    // What may follow a number is checked by whoever reads on: 01 and 1.5.2 fail there.
    const std::string_view number(start, at_ - start);
    if (integer || exponent || number.size() > kMaxPlainDigits) NoteIfWide(number, integer);
    return true;
  }

  void NoteIfWide(std::string_view number, bool integer) {
    if (integer) {
      const bool negative = number[0] == '-';
      uint64_t magnitude = 0;
      const auto [_, error] = std::from_chars(number.data() + (negative ? 1 : 0),
                                              number.data() + number.size(), magnitude);
      const uint64_t limit = negative ? uint64_t{1} << 63 : UINT64_MAX;
      if (error == std::errc() && magnitude <= limit) return;
    }
    WideNumber wide{static_cast<size_t>(number.data() - begin_), integer, false, 0};
    const auto [_, error] =
        absl::from_chars(number.data(), number.data() + number.size(), wide.value);
    // An underflow is a range error, too, but not a wide number: simdjson reads it as zero.
    wide.overflow = error == std::errc::result_out_of_range && std::fabs(wide.value) > 1;
    if (!integer && !wide.overflow) return;
    scanner_->wide_.push_back(wide);
    char* const copy = patch_ + wide.offset;
    std::memset(copy, ' ', number.size());
    *copy = '0';
  }

  JsonScanner* scanner_;
  const char* begin_;
  const char* at_;
  const char* end_;
  char* patch_;
  std::optional<Reason> fault_;
};

std::optional<Reason> JsonScanner::Scan(std::string_view text, char* patch) {
  open_.clear();
  wide_.clear();
  return Pass(this, text, patch).Run();
}

bool HasNonZeroDigit(std::string_view text) {
  for (const char c : text) {
    if (c >= '1' && c <= '9') return true;
    if (c != '0' && c != '.' && c != '-') return false;
  }
  return false;
}

}  // namespace sluice::record
