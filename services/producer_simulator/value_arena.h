#pragma once
// Memory for the values in flight: many in one block, which is freed when Kafka has the last of
// them.

#include <cstring>
#include <memory>
#include <string_view>

#include "kafka/types.h"

namespace sluice::producer_simulator {

/// One thread copies in; blocks are given back by whichever thread lets go last.
class ValueArena {
 public:
  kafka::Payload Copy(std::string_view value) {
    if (block_ == nullptr || used_ + value.size() > size_) {
      size_ = value.size() > kBlockBytes ? value.size() : kBlockBytes;
      block_ = std::shared_ptr<char[]>(new char[size_]);
      used_ = 0;
    }
    char* const at = block_.get() + used_;
    if (!value.empty()) std::memcpy(at, value.data(), value.size());
    used_ += value.size();
    return {{at, value.size()}, block_};
  }

 private:
  static constexpr size_t kBlockBytes = 256 << 10;

  std::shared_ptr<char[]> block_;
  size_t size_ = 0;
  size_t used_ = 0;
};

}  // namespace sluice::producer_simulator
