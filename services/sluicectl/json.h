#pragma once
// A JSON value to print: objects keep the order of their members.

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::sluicectl {

class Json {
 public:
  Json() = default;                    ///< null
  Json(bool value) : value_(value) {}  // NOLINT(runtime/explicit)
  template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  Json(T value) : value_(static_cast<int64_t>(value)) {}        // NOLINT(runtime/explicit)
  Json(double value) : value_(value) {}                         // NOLINT(runtime/explicit)
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT(runtime/explicit)
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT(runtime/explicit)
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT(runtime/explicit)

  static Json Array() { return Json(Members{}, /*object=*/false); }
  static Json Object() { return Json(Members{}, /*object=*/true); }
  /// Text that is JSON already.
  static Json Raw(std::string_view text);

  /// To an array; returns the array.
  Json& Add(Json element);
  /// To an object; returns the object.
  Json& Set(std::string key, Json value);

  /// On one line.
  std::string Dump() const;
  /// For people: numbers and texts as they are, control characters escaped, null as `-`.
  std::string Text() const;
  bool is_number() const;

 private:
  struct RawText {
    std::string text;
  };
  using Members = std::vector<std::pair<std::string, Json>>;
  Json(Members members, bool object) : value_(std::move(members)), object_(object) {}
  void Append(std::string* out) const;

  std::variant<std::monostate, bool, int64_t, double, std::string, Members, RawText> value_;
  bool object_ = false;
};

}  // namespace sluice::sluicectl
