#pragma once
// What a fuzz target is: a function that takes any bytes and ends the process when a promise is
// broken, and inputs to begin with. libFuzzer calls it with bytes that it makes up (preset `fuzz`);
// replay.cc calls it with the inputs and a few changes of each, in every build.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

/// libFuzzer's name for the target.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace sluice::fuzz {

/// Inputs of every kind that the target knows. They are made from tests/data, which is looked for
/// below the working directory.
std::vector<std::string> Seeds();

/// Above this, an input is replayed but nothing is made of it.
inline constexpr size_t kMaxInputBytes = 64 << 10;

inline std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

[[noreturn]] inline void Broken(const char* file, int line, const char* promise,
                                std::string_view detail) {
  std::fprintf(stderr, "%s:%d: broken promise: %s %.*s\n", file, line, promise,
               static_cast<int>(detail.size()), detail.data());
  std::abort();
}

}  // namespace sluice::fuzz

/// Ends the process unless `condition` holds; what follows it says more.
#define FUZZ_PROMISE(condition, ...)                                                         \
  do {                                                                                       \
    if (!(condition))                                                                        \
      ::sluice::fuzz::Broken(__FILE__, __LINE__, #condition, std::string_view(__VA_ARGS__)); \
  } while (false)
