#include "base/status.h"
#include "sample/formats.h"

namespace sluice::sample {
namespace {

class NdjsonSample : public Sample {
 public:
  NdjsonSample(std::unique_ptr<Input> input, int64_t max_record_bytes)
      : input_(std::move(input)), kept_bytes_(static_cast<size_t>(max_record_bytes) + 1) {}

  Format format() const override { return Format::kNdjson; }

  absl::StatusOr<bool> Next(Record* record) override {
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const bool found, NextLine(record));
      if (!found || !record->value.empty()) return found;
    }
  }

 private:
  absl::StatusOr<bool> NextLine(Record* record) {
    input_->Consume(std::exchange(taken_, 0));
    record->line = ++line_;
    for (size_t scanned = 0; true;) {
      const std::string_view text = input_->available();
      const size_t end = text.find('\n', scanned);
      if (end != std::string_view::npos) {
        taken_ = end + 1;
        record->value = WithoutReturn(text.substr(0, end));
        return true;
      }
      if (text.size() > kept_bytes_) return LongLine(record);
      scanned = text.size();
      SLUICE_ASSIGN_OR_RETURN(const bool more, input_->Fill());
      if (more) continue;
      taken_ = input_->available().size();
      record->value = WithoutReturn(input_->available());
      return taken_ > 0;
    }
  }

  /// Too long for anybody: its beginning is kept, the rest is read over.
  absl::StatusOr<bool> LongLine(Record* record) {
    long_line_ = input_->available().substr(0, kept_bytes_);
    record->value = long_line_;
    while (true) {
      const size_t end = input_->available().find('\n');
      if (end != std::string_view::npos) {
        input_->Consume(end + 1);
        return true;
      }
      input_->Consume(input_->available().size());
      SLUICE_ASSIGN_OR_RETURN(const bool more, input_->Fill());
      if (!more) return true;
    }
  }

  static std::string_view WithoutReturn(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }

  std::unique_ptr<Input> input_;
  const size_t kept_bytes_;
  size_t taken_ = 0;  // of `available()`: what the last record stands in
  int64_t line_ = 0;
  std::string long_line_;
};

}  // namespace

std::unique_ptr<Sample> MakeNdjsonSample(std::unique_ptr<Input> input, int64_t max_record_bytes) {
  return std::make_unique<NdjsonSample>(std::move(input), max_record_bytes);
}

}  // namespace sluice::sample
