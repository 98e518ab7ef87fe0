#pragma once
// A rule's condition as a straight list of operations over registers, and the loops that run it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "contract/contract.h"
#include "rules/column_loader.h"
#include "rules/vector_view.h"

namespace sluice::rules {

/// Where an operation reads a value.
struct Operand {
  enum class Kind : uint8_t { kColumn, kRegister, kScalar };
  Kind kind = Kind::kScalar;
  Repr repr = Repr::kBool;
  int index = -1;     ///< slot of the loader, or register
  bool null = false;  ///< of a scalar
  uint8_t boolean = 0;
  int64_t integer = 0;
  double number = 0;
  std::string_view text;  ///< into the contract
};

/// Instructions; those with two operands take kScalar only as the second one.
enum class Code : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kNegate,
  kAbs,
  kMultipleOf,
  kAnd,
  kOr,
  kNot,
  kIsNull,
  kIsNotNull,
  kIn,
  kMatches,
  kAffix,     // a `like` that needs no pattern
  kSelect,    // left where `condition` is true, else right
  kCoalesce,  // left where it is not null, else right
  kLength,
  kLower,
  kUpper,
  kTrim,
  kToDouble,
  kDaysToMicros,
  kMicrosToDays,
  kMicrosInDay,
  kMicrosToSeconds,
  kPart,       // of days, or of microseconds in a day
  kBroadcast,  // a scalar into a register
};

/// The literals of an `in`; integers look for both kinds of number.
struct ValueSet {
  absl::flat_hash_set<int64_t> integers;
  std::vector<double> numbers;
  absl::flat_hash_set<std::string_view> strings;
};

/// A text that another one begins with, ends with (both: is), or contains (neither).
struct Affix {
  std::string text;
  bool begins = false, ends = false;

  bool Fits(std::string_view value) const {
    if (begins && ends) return value == text;
    if (begins) return value.substr(0, text.size()) == text;
    if (ends)
      return value.size() >= text.size() && value.substr(value.size() - text.size()) == text;
    return value.find(text) != std::string_view::npos;
  }
};

struct Instruction {
  Code code;
  int target = 0;  ///< register
  Operand left;
  Operand right;
  Operand condition;                    ///< kSelect
  contract::TimePart part{};            ///< kPart
  int text = -1;                        ///< kLower, kUpper: where the characters go
  const re2::RE2* pattern = nullptr;    ///< kMatches; the contract owns it
  std::shared_ptr<const Affix> affix;   ///< kAffix; shared for the same reason as `set`
  std::shared_ptr<const ValueSet> set;  ///< kIn; shared because instructions are copied
};

/// The registers every program of an evaluator uses in turn.
class Registers {
 public:
  /// Make room for register numbers below `count`, and for text numbers below `texts`.
  void Reserve(int count, int texts);
  template <typename T>
  T* Data(int index) {
    return reinterpret_cast<T*>(registers_[index].data.data());
  }
  uint8_t* Valid(int index) { return registers_[index].valid.data(); }
  VectorView& View(int index) { return registers_[index].view; }
  /// Characters that an instruction has made. Each has its own, because views of them outlive its
  /// register.
  std::string& Text(int index) { return texts_[index]; }

 private:
  struct Register {
    std::vector<int64_t> data;
    std::vector<uint8_t> valid;
    VectorView view;
  };
  std::vector<Register> registers_;
  std::vector<std::string> texts_;
};

/// One compiled condition. The contract outlives it.
class Program {
 public:
  /// Compile `condition`; its columns are announced to `loader`, its registers reserved in
  /// `registers`.
  Program(const contract::Expression& condition, ColumnLoader* loader, Registers* registers);

  /// For each of the loaded `rows` whose `judged` is 1: `broken` = 1 when the condition is false, 0
  /// when it is true or null; 0 for the other rows. Returns how many are broken.
  int Run(const ColumnLoader& loader, Registers* registers, const uint8_t* judged, int rows,
          uint8_t* broken) const;

 private:
  class Compiler;
  std::vector<Instruction> instructions_;
  Operand result_;
};

}  // namespace sluice::rules
