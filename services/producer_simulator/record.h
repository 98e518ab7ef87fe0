#pragma once
// What the simulator delivers, wherever it comes from.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "producer_simulator/fault.h"

namespace sluice::producer_simulator {

/// The truth about a generated record. One object per kind of record, not per record; owned by the
/// generator.
struct Expectation {
  Fault fault = Fault::kNone;
  /// `"fault":...,"verdict":...,"reason":...,"rules":[...]`
  std::string json;
};

/// One record, ready to be sent. Reused from record to record: `Clear` keeps the memory.
struct Record {
  std::string id;  ///< goes into the header `sluice-record-id`
  bool has_key = false;
  std::string key;
  bool has_value = true;  ///< false: a null value
  std::string value;
  int32_t partition = -1;                                    ///< -1: by the key
  int64_t timestamp_ms = 0;                                  ///< 0: when it is sent
  std::vector<std::pair<std::string, std::string>> headers;  ///< besides the simulator's own
  const Expectation* expectation = nullptr;  ///< null: nobody knows what will become of it

  void Clear();
};

}  // namespace sluice::producer_simulator
