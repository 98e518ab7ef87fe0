#pragma once
// Where records come from. A source is a durable sequence: its position can be stored, and the
// records after a position can be had again, the same ones. That is what makes a restart exact
// without storing what was sent.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "producer_simulator/record.h"

namespace sluice::producer_simulator {

/// Where a source goes on. `record` counts its records; what the other two mean is the source's own
/// business.
struct SourcePosition {
  int64_t record = 0;
  int64_t segment = 0;
  int64_t byte = 0;
  bool operator==(const SourcePosition&) const = default;
};

/// One thread, except where a source says otherwise.
class RecordSource {
 public:
  virtual ~RecordSource() = default;

  /// Fill in the next record (all but its id unless the source has one). False: there is none now.
  /// An error: the source cannot be read; nobody knows what follows.
  virtual absl::StatusOr<bool> Next(Record* record) = 0;
  /// After the last record that Next gave.
  virtual SourcePosition position() const = 0;
  /// Go on from there.
  virtual absl::Status Rewind(const SourcePosition& position) = 0;
  /// Everything before `position` has arrived and is not asked for again.
  virtual void Release(const SourcePosition& position) {}
  /// No record will ever follow.
  virtual bool exhausted() const = 0;
  /// The letter of its record ids: `<run>-<letter><number>`.
  virtual char letter() const = 0;
};

}  // namespace sluice::producer_simulator
