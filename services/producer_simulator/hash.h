#pragma once
// The simulator's only source of chance: a pure function of the seed and of what is asked about, so
// that any record can be made again from its number alone.

#include <cstdint>

namespace sluice::producer_simulator {

/// Mixes one word into a hash (the finalizer of SplitMix64).
constexpr uint64_t Mix(uint64_t hash, uint64_t word) {
  uint64_t z = hash + 0x9E3779B97F4A7C15ULL * (word + 1);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

template <typename... Words>
constexpr uint64_t Hash(uint64_t seed, Words... words) {
  uint64_t hash = Mix(0, seed);
  ((hash = Mix(hash, static_cast<uint64_t>(words))), ...);
  return hash;
}

/// Uniform in [0, bound).
constexpr uint64_t Below(uint64_t hash, uint64_t bound) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(hash) * bound) >> 64);
}

/// Uniform in [low, high).
constexpr double Between(uint64_t hash, double low, double high) {
  return low + (high - low) * (static_cast<double>(hash >> 11) * 0x1p-53);
}

}  // namespace sluice::producer_simulator
