#include "service/status_proto.h"

namespace sluice::service {
namespace {

// The message's enumeration has "unspecified" before the states.
static_assert(static_cast<int>(PartitionState::kOpening) + 1 == admin::v1::PARTITION_STATE_OPENING);
static_assert(static_cast<int>(PartitionState::kTripped) + 1 == admin::v1::PARTITION_STATE_TRIPPED);

void ToProto(const PartitionStatus& status, admin::v1::PartitionStatus* message) {
  message->set_partition(status.partition);
  message->set_state(static_cast<admin::v1::PartitionState>(static_cast<int>(status.state) + 1));
  message->set_next(status.next);
  message->set_origin(status.origin);
  message->set_lag(status.lag);
  for (const auto& [verdict, records] : status.verdicts)
    (*message->mutable_verdicts())[verdict] = records;
  message->set_repeated_records(status.repeated_records);
  if (status.gap_first) message->set_gap_first(*status.gap_first);
  if (status.gap_next) message->set_gap_next(*status.gap_next);
  if (status.watermark_us) message->set_watermark_us(*status.watermark_us);
  message->set_idle(status.idle);
  message->set_contract_version(status.contract_version);
  message->set_contract_hash(status.contract_hash);
  message->set_error(status.error);
}

}  // namespace

void ToProto(const PipelineStatus& status, admin::v1::PipelineStatus* message) {
  message->set_pipeline(status.pipeline);
  message->set_generation(status.generation);
  message->set_stage(status.stage);
  message->set_instance_id(status.instance_id);
  message->set_state(status.state);
  message->set_error(status.error);
  message->set_uptime_ms(status.uptime_ms);
  if (status.freshness_ms) message->set_freshness_ms(*status.freshness_ms);
  if (status.freshness_objective_ms)
    message->set_freshness_objective_ms(*status.freshness_objective_ms);
  for (const PartitionStatus& partition : status.partitions)
    ToProto(partition, message->add_partitions());
}

void ToProto(const TappedRecord& record, admin::v1::TapResponse* message) {
  message->set_partition(record.partition);
  message->set_offset(record.offset);
  message->set_timestamp_ms(record.timestamp_ms);
  message->set_verdict(record.verdict);
  message->set_reason(record.reason);
  for (const std::string& rule : record.failed_rules) message->add_failed_rules(rule);
  message->set_key(record.key);
  message->set_value(record.json);
  message->set_columns(record.columns);
  message->set_redacted(record.redacted);
}

}  // namespace sluice::service
