#pragma once
// Runs one instruction over a chunk of rows. Part of program.cc, apart for its length.

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "contract/timestamp.h"
#include "re2/re2.h"
#include "rules/calendar.h"
#include "rules/kernels.h"
#include "rules/letter_case.h"
#include "rules/program.h"

namespace sluice::rules {

template <typename T>
T ScalarAs(const Operand& operand) {
  if constexpr (std::is_same_v<T, uint8_t>) return operand.boolean;
  if constexpr (std::is_same_v<T, int64_t>) return operand.integer;
  if constexpr (std::is_same_v<T, double>) return operand.number;
  if constexpr (std::is_same_v<T, std::string_view>) return operand.text;
}

/// Runs one instruction over the rows of a chunk.
class Step {
 public:
  Step(const Instruction& instruction, const ColumnLoader& loader, Registers* registers,
       const uint8_t* judged, int rows)
      : instruction_(instruction),
        registers_(registers),
        judged_(judged),
        rows_(rows),
        left_(ViewOf(instruction.left, loader)),
        right_(ViewOf(instruction.right, loader)),
        condition_(ViewOf(instruction.condition, loader)) {}

  void Run() {
    switch (instruction_.code) {
      case Code::kEqual:
        return Compare(std::equal_to<>());
      case Code::kNotEqual:
        return Compare(std::not_equal_to<>());
      case Code::kLess:
        return Compare(std::less<>());
      case Code::kLessEqual:
        return Compare(std::less_equal<>());
      case Code::kGreater:
        return Compare(std::greater<>());
      case Code::kGreaterEqual:
        return Compare(std::greater_equal<>());
      case Code::kAdd:
        return Arithmetic(SaturatingAdd, std::plus<double>());
      case Code::kSubtract:
        return Arithmetic(SaturatingSubtract, std::minus<double>());
      case Code::kMultiply:
        return Arithmetic(SaturatingMultiply, std::multiplies<double>());
      case Code::kDivide:
        MapBoth<double, double>(std::divides<double>());
        return NullWhereZero<double>();
      case Code::kModulo:
        return Modulo();
      case Code::kNegate:
        return Sign(SaturatingNegate, std::negate<double>());
      case Code::kAbs:
        return Sign(SaturatingAbs, [](double v) { return std::fabs(v); });
      case Code::kMultipleOf:
        return MultipleOf();
      case Code::kAnd:
        return And();
      case Code::kOr:
        return Or();
      case Code::kNot:
        return MapLeft<uint8_t, uint8_t>([](uint8_t v) -> uint8_t { return v ^ 1; });
      case Code::kIsNull:
        return NullTest(0);
      case Code::kIsNotNull:
        return NullTest(1);
      case Code::kIn:
        return In();
      case Code::kAffix:
        return MapLeft<uint8_t, std::string_view>(
            [affix = instruction_.affix.get()](std::string_view v) { return affix->Fits(v); });
      case Code::kMatches:
        return Matches();
      case Code::kSelect:
      case Code::kCoalesce:
        return Choose();
      case Code::kLower:
        return MapText(AppendLower);
      case Code::kUpper:
        return MapText(AppendUpper);
      case Code::kTrim:
        return MapLeft<std::string_view, std::string_view>(Trim);
      case Code::kLength:
        return MapLeft<int64_t, std::string_view>(CodePoints);
      case Code::kToDouble:
        return MapLeft<double, int64_t>([](int64_t v) { return static_cast<double>(v); });
      case Code::kDaysToMicros:
        return MapLeft<int64_t, int64_t>(
            [](int64_t v) { return SaturatingMultiply(v, contract::kMicrosPerDay); });
      case Code::kMicrosToDays:
        return MapLeft<int64_t, int64_t>(
            [](int64_t v) { return FloorDivide(v, contract::kMicrosPerDay); });
      case Code::kMicrosInDay:
        return MapLeft<int64_t, int64_t>(MicrosInDay);
      case Code::kPart:
        return Part();
      case Code::kMicrosToSeconds:
        return MapLeft<double, int64_t>([](int64_t v) { return static_cast<double>(v) / 1e6; });
      case Code::kBroadcast:
        return Broadcast();
    }
  }

 private:
  VectorView ViewOf(const Operand& operand, const ColumnLoader& loader) {
    if (operand.kind == Operand::Kind::kColumn) return loader.View(operand.index);
    if (operand.kind == Operand::Kind::kRegister) return registers_->View(operand.index);
    return VectorView();
  }

  template <typename T>
  T* Target() {
    VectorView& view = registers_->View(instruction_.target);
    view.data = registers_->Data<T>(instruction_.target);
    return registers_->Data<T>(instruction_.target);
  }

  /// The target is null where either operand is.
  void CombineValidity() {
    VectorView& view = registers_->View(instruction_.target);
    view.valid = nullptr;
    if (left_.valid == nullptr && right_.valid == nullptr) return;
    uint8_t* valid = registers_->Valid(instruction_.target);
    if (left_.valid != nullptr && right_.valid != nullptr) {
      MapVectors(left_.valid, right_.valid, rows_, valid,
                 [](uint8_t a, uint8_t b) -> uint8_t { return a & b; });
    } else {
      std::memcpy(valid, left_.valid != nullptr ? left_.valid : right_.valid, rows_);
    }
    view.valid = valid;
  }

  template <typename Out, typename In, typename F>
  void MapLeft(F f) {
    CombineValidity();
    Map(left_.As<In>(), rows_, Target<Out>(), f);
  }

  template <typename Out, typename In, typename F>
  void MapBoth(F f) {
    CombineValidity();
    if (instruction_.right.kind == Operand::Kind::kScalar) {
      MapScalar(left_.As<In>(), ScalarAs<In>(instruction_.right), rows_, Target<Out>(), f);
    } else {
      MapVectors(left_.As<In>(), right_.As<In>(), rows_, Target<Out>(), f);
    }
  }

  template <typename F>
  void Compare(F f) {
    switch (instruction_.left.repr) {
      case Repr::kBool:
        return MapBoth<uint8_t, uint8_t>(f);
      case Repr::kInt64:
        return MapBoth<uint8_t, int64_t>(f);
      case Repr::kDouble:
        return MapBoth<uint8_t, double>(f);
      case Repr::kString:
        return MapBoth<uint8_t, std::string_view>(f);
    }
  }

  template <typename Integers, typename Doubles>
  void Arithmetic(Integers integers, Doubles doubles) {
    if (instruction_.left.repr == Repr::kDouble) return MapBoth<double, double>(doubles);
    MapBoth<int64_t, int64_t>(integers);
  }

  template <typename Integers, typename Doubles>
  void Sign(Integers integers, Doubles doubles) {
    if (instruction_.left.repr == Repr::kDouble) return MapLeft<double, double>(doubles);
    MapLeft<int64_t, int64_t>(integers);
  }

  /// Division by zero gives null. T is the type of the divisor.
  template <typename T>
  void NullWhereZero() {
    VectorView& view = registers_->View(instruction_.target);
    uint8_t* valid = registers_->Valid(instruction_.target);
    if (view.valid == nullptr) std::memset(valid, 1, rows_);
    view.valid = valid;
    if (instruction_.right.kind == Operand::Kind::kScalar) {
      if (ScalarAs<T>(instruction_.right) == 0) std::memset(valid, 0, rows_);
      return;
    }
    const T* divisor = right_.As<T>();
    for (int i = 0; i < rows_; ++i) valid[i] &= divisor[i] != 0;
  }

  void Modulo() {
    if (instruction_.left.repr == Repr::kDouble) {
      MapBoth<double, double>([](double a, double b) { return rules::Modulo(a, b); });
      return NullWhereZero<double>();
    }
    MapBoth<int64_t, int64_t>([](int64_t a, int64_t b) { return rules::Modulo(a, b); });
    NullWhereZero<int64_t>();
  }

  void MultipleOf() {
    if (instruction_.left.repr == Repr::kDouble) {
      return MapBoth<uint8_t, double>([](double a, double b) { return IsMultiple(a, b); });
    }
    MapBoth<uint8_t, int64_t>([](int64_t a, int64_t b) { return IsMultiple(a, b); });
  }

  static uint8_t At(const uint8_t* valid, int i) { return valid == nullptr ? 1 : valid[i]; }

  /// False beats null, null beats true.
  void And() {
    if (left_.valid == nullptr && right_.valid == nullptr) {
      return MapBoth<uint8_t, uint8_t>([](uint8_t a, uint8_t b) -> uint8_t { return a & b; });
    }
    Logical([](uint8_t a, uint8_t a_valid, uint8_t b, uint8_t b_valid, uint8_t* valid) -> uint8_t {
      const uint8_t is_false = (a_valid & (a ^ 1)) | (b_valid & (b ^ 1));
      const uint8_t is_true = a_valid & a & b_valid & b;
      *valid = is_false | is_true;
      return is_true;
    });
  }

  /// True beats null, null beats false.
  void Or() {
    if (left_.valid == nullptr && right_.valid == nullptr) {
      return MapBoth<uint8_t, uint8_t>([](uint8_t a, uint8_t b) -> uint8_t { return a | b; });
    }
    Logical([](uint8_t a, uint8_t a_valid, uint8_t b, uint8_t b_valid, uint8_t* valid) -> uint8_t {
      const uint8_t is_true = (a_valid & a) | (b_valid & b);
      const uint8_t is_false = a_valid & (a ^ 1) & b_valid & (b ^ 1);
      *valid = is_true | is_false;
      return is_true;
    });
  }

  template <typename F>
  void Logical(F f) {
    uint8_t* out = Target<uint8_t>();
    uint8_t* valid = registers_->Valid(instruction_.target);
    const uint8_t* a = left_.As<uint8_t>();
    const uint8_t* b = right_.As<uint8_t>();
    for (int i = 0; i < rows_; ++i)
      out[i] = f(a[i], At(left_.valid, i), b[i], At(right_.valid, i), &valid[i]);
    registers_->View(instruction_.target).valid = valid;
  }

  void NullTest(uint8_t when_valid) {
    uint8_t* out = Target<uint8_t>();
    registers_->View(instruction_.target).valid = nullptr;
    if (left_.valid == nullptr) {
      std::memset(out, when_valid, rows_);
    } else {
      for (int i = 0; i < rows_; ++i) out[i] = left_.valid[i] == when_valid;
    }
  }

  static bool HasNumber(const ValueSet& set, double value) {
    return std::find(set.numbers.begin(), set.numbers.end(), value) != set.numbers.end();
  }

  void In() {
    const ValueSet& set = *instruction_.set;
    switch (instruction_.left.repr) {
      case Repr::kBool:
        return MapLeft<uint8_t, uint8_t>([&](uint8_t v) { return set.integers.contains(v); });
      case Repr::kInt64:
        if (set.numbers.empty()) {
          return MapLeft<uint8_t, int64_t>([&](int64_t v) { return set.integers.contains(v); });
        }
        return MapLeft<uint8_t, int64_t>([&](int64_t v) {
          return set.integers.contains(v) || HasNumber(set, static_cast<double>(v));
        });
      case Repr::kDouble:
        return MapLeft<uint8_t, double>([&](double v) { return HasNumber(set, v); });
      case Repr::kString:
        return MapLeft<uint8_t, std::string_view>(
            [&](std::string_view v) { return set.strings.contains(v); });
    }
  }

  /// The costly one: only rows that count are looked at.
  void Matches() {
    CombineValidity();
    uint8_t* out = Target<uint8_t>();
    const std::string_view* text = left_.As<std::string_view>();
    for (int i = 0; i < rows_; ++i) {
      out[i] = judged_[i] != 0 && At(left_.valid, i) != 0 &&
               re2::RE2::PartialMatch(re2::StringPiece(text[i].data(), text[i].size()),
                                      *instruction_.pattern);
    }
  }

  void Choose() {
    switch (instruction_.left.repr) {
      case Repr::kBool:
        return ChooseAs<uint8_t>();
      case Repr::kInt64:
        return ChooseAs<int64_t>();
      case Repr::kDouble:
        return ChooseAs<double>();
      case Repr::kString:
        return ChooseAs<std::string_view>();
    }
  }

  template <typename T>
  void ChooseAs() {
    if (instruction_.code == Code::kCoalesce) {
      return ChooseWhere<T>([&](int i) { return At(left_.valid, i) != 0; });
    }
    const uint8_t* condition = condition_.As<uint8_t>();
    ChooseWhere<T>([&](int i) { return (At(condition_.valid, i) & condition[i]) != 0; });
  }

  template <typename T, typename F>
  void ChooseWhere(F left) {
    T* out = Target<T>();
    const T* a = left_.As<T>();
    const T* b = right_.As<T>();
    for (int i = 0; i < rows_; ++i) out[i] = left(i) ? a[i] : b[i];
    VectorView& view = registers_->View(instruction_.target);
    view.valid = nullptr;
    if (left_.valid == nullptr && right_.valid == nullptr) return;
    uint8_t* valid = registers_->Valid(instruction_.target);
    for (int i = 0; i < rows_; ++i) valid[i] = left(i) ? At(left_.valid, i) : At(right_.valid, i);
    view.valid = valid;
  }

  /// Into characters of our own; they move while they grow, so the views come last.
  template <typename F>
  void MapText(F append) {
    CombineValidity();
    std::string_view* out = Target<std::string_view>();
    const std::string_view* text = left_.As<std::string_view>();
    std::string& characters = registers_->Text(instruction_.text);
    characters.clear();
    uint32_t lengths[kChunkRows];
    size_t begin = 0;
    for (int i = 0; i < rows_; ++i) {
      if (At(left_.valid, i)) append(text[i], &characters);
      lengths[i] = static_cast<uint32_t>(characters.size() - begin);
      begin = characters.size();
    }
    const char* at = characters.data();
    for (int i = 0; i < rows_; ++i) {
      out[i] = std::string_view(at, lengths[i]);
      at += lengths[i];
    }
  }

  void Part() {
    using contract::TimePart;
    const auto map = [&](auto f) { MapLeft<int64_t, int64_t>(f); };
    switch (instruction_.part) {
      case TimePart::kYear:
        return map([](int64_t days) { return ToCivil(days).year; });
      case TimePart::kQuarter:
        return map([](int64_t days) { return (ToCivil(days).month + 2) / 3; });
      case TimePart::kMonth:
        return map([](int64_t days) { return ToCivil(days).month; });
      case TimePart::kDay:
        return map([](int64_t days) { return ToCivil(days).day; });
      case TimePart::kIsoDayOfWeek:
        return map(IsoDayOfWeek);
      case TimePart::kDayOfYear:
        return map(DayOfYear);
      case TimePart::kHour:
        return map([](int64_t micros) { return micros / (3600 * contract::kMicrosPerSecond); });
      case TimePart::kMinute:
        return map([](int64_t micros) { return micros / (60 * contract::kMicrosPerSecond) % 60; });
      case TimePart::kSecond:
        return map([](int64_t micros) { return micros / contract::kMicrosPerSecond % 60; });
    }
  }

  /// A scalar, or another vector, into the target.
  void Broadcast() {
    CombineValidity();
    switch (instruction_.left.repr) {
      case Repr::kBool:
        Fill<uint8_t>();
        break;
      case Repr::kInt64:
        Fill<int64_t>();
        break;
      case Repr::kDouble:
        Fill<double>();
        break;
      case Repr::kString:
        Fill<std::string_view>();
        break;
    }
    if (instruction_.left.kind == Operand::Kind::kScalar && instruction_.left.null) {
      uint8_t* valid = registers_->Valid(instruction_.target);
      std::memset(valid, 0, rows_);
      registers_->View(instruction_.target).valid = valid;
    }
  }

  template <typename T>
  void Fill() {
    if (instruction_.left.kind == Operand::Kind::kScalar) {
      std::fill_n(Target<T>(), rows_, ScalarAs<T>(instruction_.left));
    } else {
      std::copy_n(left_.As<T>(), rows_, Target<T>());
    }
  }

  const Instruction& instruction_;
  Registers* registers_;
  const uint8_t* judged_;
  const int rows_;
  const VectorView left_;
  const VectorView right_;
  const VectorView condition_;
};

}  // namespace sluice::rules
