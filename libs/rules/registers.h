#pragma once
// Where the results of instructions lie.

#include <cstdint>
#include <string>
#include <vector>

#include "rules/vector_view.h"

namespace sluice::rules {

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

}  // namespace sluice::rules
