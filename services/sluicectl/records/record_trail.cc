#include "sluicectl/records/record_trail.h"

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "base/status.h"
#include "batch/schema.h"
#include "batch/wire.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kReadTimeout = absl::Seconds(10);
constexpr size_t kScanMessages = 16;

struct Found {
  kafka::Offset at;
  batch::Coverage coverage;
};

// The first batch at or after `from`; nullopt at the end of the log. Messages of others are stepped
// over.
absl::StatusOr<std::optional<Found>> BatchAtOrAfter(kafka::Admin& admin,
                                                    const kafka::TopicPartition& partition,
                                                    kafka::Offset from) {
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<kafka::Message> messages,
                            admin.Read(partition, from, 1, kReadTimeout));
    if (messages.empty()) return std::nullopt;
    const auto header = messages[0].Header(batch::kCoverageHeader);
    if (header) {
      auto coverage = batch::DecodeCoverage(*header);
      if (coverage.ok()) return Found{messages[0].offset(), *std::move(coverage)};
    }
    from = messages[0].offset() + 1;
  }
}

// Where to begin reading: batches lie in the order of their ranges, but for repeats. So a search by
// halves ends at or before the batch, or behind it when it met a repeat; the caller then reads from
// the begin.
absl::StatusOr<kafka::Offset> SearchByHalves(kafka::Admin& admin,
                                             const kafka::TopicPartition& partition,
                                             const kafka::Watermarks& log, int64_t offset) {
  kafka::Offset low = log.begin;
  kafka::Offset high = log.end;
  while (high - low > static_cast<kafka::Offset>(kScanMessages)) {
    const kafka::Offset middle = low + (high - low) / 2;
    SLUICE_ASSIGN_OR_RETURN(const std::optional<Found> found,
                            BatchAtOrAfter(admin, partition, middle));
    if (found && found->at < high && found->coverage.range.next <= offset) {
      low = found->at + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::StatusOr<std::optional<kafka::Message>> Scan(kafka::Admin& admin,
                                                   const kafka::TopicPartition& partition,
                                                   kafka::Offset from, int64_t offset) {
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(std::vector<kafka::Message> messages,
                            admin.Read(partition, from, kScanMessages, kReadTimeout));
    for (kafka::Message& message : messages) {
      const auto header = message.Header(batch::kCoverageHeader);
      if (!header) continue;
      const auto coverage = batch::DecodeCoverage(*header);
      if (!coverage.ok()) continue;
      if (coverage->range.first <= offset && offset < coverage->range.next) {
        return std::optional<kafka::Message>(std::move(message));
      }
    }
    if (messages.size() < kScanMessages) return std::nullopt;
    from = messages.back().offset() + 1;
  }
}

absl::StatusOr<TrailPoint> Decode(stage::ContractStore& contracts, kafka::Message message,
                                  std::string topic, int64_t offset) {
  TrailPoint point;
  point.topic = std::move(topic);
  point.internal_offset = message.offset();
  SLUICE_ASSIGN_OR_RETURN(point.coverage,
                          batch::DecodeCoverage(*message.Header(batch::kCoverageHeader)));
  if (point.coverage.lost) return point;
  SLUICE_ASSIGN_OR_RETURN(point.contract, contracts.Find(point.coverage.contract.content_hash));
  const auto owner = std::make_shared<kafka::Message>(std::move(message));
  SLUICE_ASSIGN_OR_RETURN(
      point.rows,
      batch::Decoder(point.contract).Decode(owner->value().value_or(""), owner, point.coverage));
  const auto& offsets = static_cast<const arrow::Int64Array&>(*point.rows->column(batch::kOffset));
  for (int64_t row = 0; row < offsets.length() && point.row < 0; ++row) {
    if (offsets.Value(row) == offset) point.row = row;
  }
  return point;
}

}  // namespace

std::optional<batch::Verdict> TrailPoint::verdict() const {
  if (coverage.lost) return batch::Verdict::kLost;
  if (row < 0) return std::nullopt;
  return static_cast<batch::Verdict>(
      static_cast<const arrow::UInt8Array&>(*rows->column(batch::kVerdict)).Value(row));
}

std::string TrailPoint::reason() const {
  if (row < 0 || rows->column(batch::kReason)->IsNull(row)) return "";
  const auto& reasons = static_cast<const arrow::DictionaryArray&>(*rows->column(batch::kReason));
  const int64_t index = reasons.GetValueIndex(row);
  return index < batch::kReasonCount ? std::string(batch::kReasonNames[static_cast<size_t>(index)])
                                     : "";
}

std::string TrailPoint::failed_rules() const {
  if (row < 0 || rows->column(batch::kFailedRules)->IsNull(row)) return "";
  return std::string(
      static_cast<const arrow::FixedSizeBinaryArray&>(*rows->column(batch::kFailedRules))
          .GetView(row));
}

bool TrailPoint::has_columns() const {
  return row >= 0 && verdict() != batch::Verdict::kCorrupt &&
         verdict() != batch::Verdict::kTombstone;
}

absl::StatusOr<kafka::Offset> BeginNear(kafka::Admin& admin, const kafka::TopicPartition& partition,
                                        int64_t offset) {
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                          admin.QueryWatermarks(partition, kReadTimeout));
  return SearchByHalves(admin, partition, log, offset);
}

absl::StatusOr<std::optional<TrailPoint>> FindInStage(kafka::Admin& admin,
                                                      stage::ContractStore& contracts,
                                                      const contract::PipelineConfig& pipeline,
                                                      const char* stage, int32_t partition,
                                                      int64_t offset) {
  const kafka::TopicPartition topic{pipeline.InternalTopic(stage), partition};
  const auto log = admin.QueryWatermarks(topic, kReadTimeout);
  if (absl::IsNotFound(log.status())) return std::nullopt;
  SLUICE_RETURN_IF_ERROR(log.status());
  SLUICE_ASSIGN_OR_RETURN(const kafka::Offset near, SearchByHalves(admin, topic, *log, offset));
  SLUICE_ASSIGN_OR_RETURN(auto message, Scan(admin, topic, near, offset));
  if (!message && near > log->begin) {
    SLUICE_ASSIGN_OR_RETURN(message, Scan(admin, topic, log->begin, offset));
  }
  if (!message) return std::nullopt;
  SLUICE_ASSIGN_OR_RETURN(TrailPoint point,
                          Decode(contracts, *std::move(message), topic.topic, offset));
  point.stage = stage;
  return std::optional<TrailPoint>(std::move(point));
}

}  // namespace sluice::sluicectl
