#pragma once
// A user's file, one record a line, bytes unchanged.

#include <memory>
#include <string>

#include "producer_simulator/record_source.h"

namespace sluice::producer_simulator {

/// Reads an NDJSON file that is complete when it is opened. Empty lines are no records. A carriage
/// return before the newline belongs to the line's end.
class InputSource : public RecordSource {
 public:
  /// `target`: at most so many records, 0 for all. `key_member`: the top-level member that is the
  /// record's key, empty for none; a line without it has a null key. kNotFound: the file cannot be
  /// read.
  static absl::StatusOr<std::unique_ptr<InputSource>> Open(const std::string& path, int64_t target,
                                                           const std::string& key_member);
  ~InputSource() override;

  absl::StatusOr<bool> Next(Record* record) override;
  SourcePosition position() const override { return {records_, 0, offset_}; }
  /// kFailedPrecondition: the file is shorter than the position, so it is not the file that was
  /// read before.
  absl::Status Rewind(const SourcePosition& position) override;
  bool exhausted() const override { return at_end_ || (target_ > 0 && records_ >= target_); }
  char letter() const override { return 'l'; }

 private:
  struct KeyReader;  // keeps simdjson out of the header

  InputSource(int fd, std::string path, int64_t target, const std::string& key_member);
  /// More bytes behind those in the buffer. False at the end of the file.
  absl::StatusOr<bool> Fill();

  const int fd_;
  const std::string path_;
  const int64_t target_;
  std::unique_ptr<KeyReader> key_reader_;  // null: no key
  std::string buffer_;
  size_t begin_ = 0;    // of what is not used yet, in buffer_
  int64_t offset_ = 0;  // of buffer_[begin_], in the file
  int64_t read_ = 0;    // how far the file has been read
  int64_t records_ = 0;
  bool at_end_ = false;
};

}  // namespace sluice::producer_simulator
