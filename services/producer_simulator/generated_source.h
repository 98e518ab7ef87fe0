#pragma once
// Generated records as a source: a position is nothing but a number.

#include <memory>
#include <utility>

#include "producer_simulator/car_trips.h"
#include "producer_simulator/record_source.h"

namespace sluice::producer_simulator {

class GeneratedSource : public RecordSource {
 public:
  /// `target`: how many records there are in all, 0 for no end. `history` is the caller's and may
  /// grow.
  GeneratedSource(std::unique_ptr<CarTrips> trips, const FaultHistory* history, int64_t target)
      : trips_(std::move(trips)), history_(history), target_(target) {}

  absl::StatusOr<bool> Next(Record* record) override {
    if (exhausted()) return false;
    trips_->Make(next_++, *history_, record);
    return true;
  }
  SourcePosition position() const override { return {next_, 0, 0}; }
  absl::Status Rewind(const SourcePosition& position) override {
    next_ = position.record;
    return absl::OkStatus();
  }
  bool exhausted() const override { return target_ > 0 && next_ >= target_; }
  char letter() const override { return 'g'; }

 private:
  std::unique_ptr<CarTrips> trips_;
  const FaultHistory* history_;
  const int64_t target_;
  int64_t next_ = 0;
};

}  // namespace sluice::producer_simulator
