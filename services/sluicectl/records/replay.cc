#include "sluicectl/records/replay.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "base/status.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(15);
constexpr size_t kReadMessages = 1000;
// What one transaction holds: it should be over soon, since readers of the partition wait for it.
constexpr size_t kMostAtOnce = 500;
constexpr size_t kMostBytes = 8 << 20;

postgres::Parameter BytesParameter(const std::optional<std::string>& bytes) {
  if (!bytes) return std::nullopt;
  return Concat("\\x", absl::BytesToHexString(*bytes));
}

}  // namespace

Replayer::Replayer(const contract::PipelineConfig& pipeline, std::string topic_id,
                   kafka::Admin* admin, postgres::Connection* connection,
                   std::unique_ptr<kafka::Producer> producer)
    : topic_(pipeline.source_topic),
      topic_id_(std::move(topic_id)),
      admin_(admin),
      connection_(connection),
      producer_(std::move(producer)) {}

absl::StatusOr<Replayer> Replayer::Start(const contract::PipelineConfig& pipeline,
                                         const std::string& topic_id,
                                         const kafka::ClientConfig& kafka, kafka::Admin* admin,
                                         postgres::Connection* connection) {
  // A role that reads by default may still be allowed to do this.
  SLUICE_RETURN_IF_ERROR(
      connection->Exec("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE").status());
  // Until the session ends. A second run waits, as long as for any lock.
  SLUICE_RETURN_IF_ERROR(Annotate(connection
                                      ->Query("SELECT pg_advisory_lock(hashtextextended($1, 0))",
                                              {Concat("sluice.replays:", pipeline.source_topic)})
                                      .status(),
                                  "another replay of this topic may be going on"));
  kafka::Producer::Options options;
  options.transactional_id = Concat("sluice.replay.", pipeline.source_topic);
  options.delivery_timeout = kTimeout;
  SLUICE_ASSIGN_OR_RETURN(auto producer, kafka::Producer::Create(kafka, options, nullptr));
  SLUICE_RETURN_IF_ERROR(producer->FindTopic(pipeline.source_topic, kTimeout));
  return Replayer(pipeline, topic_id, admin, connection, std::move(producer));
}

std::string Replayer::HeaderOf(int32_t partition, int64_t offset) const {
  return Concat(topic_, "/", partition, "/", offset);
}

absl::Status Replayer::FindSent() {
  SLUICE_ASSIGN_OR_RETURN(
      const postgres::Result open,
      connection_->Query("SELECT partition, min(search_from) FROM sluice.replays WHERE topic = $1 "
                         "AND topic_id = $2 AND replay_offset IS NULL GROUP BY 1",
                         {topic_, topic_id_}));
  for (int row = 0; row < open.rows(); ++row) {
    SLUICE_RETURN_IF_ERROR(
        FindSentIn(static_cast<int32_t>(open.Integer(row, 0)), open.Integer(row, 1)));
  }
  return absl::OkStatus();
}

absl::Status Replayer::FindSentIn(int32_t partition, int64_t from) {
  const kafka::TopicPartition where{topic_, partition};
  SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log, admin_->QueryWatermarks(where, kTimeout));
  if (log.begin > from) {
    return absl::DataLossError(
        Concat("an earlier replay was written down and not confirmed, and the source no longer "
               "goes back to where it would be: whether it was sent cannot be known. Look into "
               "the tables, and remove or confirm its row in sluice.replays (partition ",
               partition, "): begin=", log.begin, " wanted=", from));
  }
  const std::string prefix = Concat(topic_, "/", partition, "/");
  while (from < log.end) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<kafka::Message> messages,
                            admin_->Read(where, from, kReadMessages, kTimeout));
    if (messages.empty()) break;
    for (const kafka::Message& message : messages) {
      const auto header = message.Header(kReplayOfHeader);
      int64_t offset = 0;
      if (!header || header->substr(0, prefix.size()) != prefix ||
          !absl::SimpleAtoi(AbslView(header->substr(prefix.size())), &offset))
        continue;
      SLUICE_RETURN_IF_ERROR(Confirm(partition, offset, message.offset()));
    }
    from = messages.back().offset() + 1;
  }
  return absl::OkStatus();
}

// Only the first: whoever sends the header by hand afterwards does not change what was confirmed.
absl::Status Replayer::Confirm(int32_t partition, int64_t offset, int64_t replay_offset) {
  return connection_
      ->QueryPrepared(
          "WITH confirmed AS (UPDATE sluice.replays SET replay_offset = $5::bigint, "
          "confirmed_at = now() WHERE topic = $1 AND topic_id = $2 AND partition = $3::integer "
          "AND kafka_offset = $4::bigint AND replay_offset IS NULL AND search_from <= $5::bigint "
          "RETURNING topic, partition, kafka_offset) "
          "UPDATE sluice.dead_letters d SET state = 'replayed', updated_at = now() FROM confirmed "
          "c "
          "WHERE d.topic = c.topic AND d.partition = c.partition "
          "AND d.kafka_offset = c.kafka_offset AND d.state = 'new'",
          {topic_, topic_id_, Concat(partition), Concat(offset), Concat(replay_offset)})
      .status();
}

absl::StatusOr<ReplayOffsets> Replayer::Send(const std::vector<Replay>& replays) {
  ReplayOffsets offsets;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<const Replay*> waiting, WriteDown(replays, &offsets));
  for (size_t begin = 0; begin < waiting.size();) {
    std::vector<const Replay*> chunk;
    size_t bytes = 0;
    for (; begin < waiting.size() && chunk.size() < kMostAtOnce && bytes < kMostBytes; ++begin) {
      chunk.push_back(waiting[begin]);
      bytes += waiting[begin]->value.value_or("").size();
    }
    SLUICE_ASSIGN_OR_RETURN(const std::vector<int64_t> sent, SendInOne(chunk));
    for (size_t i = 0; i < chunk.size(); ++i) {
      SLUICE_RETURN_IF_ERROR(Confirm(chunk[i]->partition, chunk[i]->offset, sent[i]));
      offsets[{chunk[i]->partition, chunk[i]->offset}] = sent[i];
    }
  }
  return offsets;
}

absl::StatusOr<std::vector<const Replay*>> Replayer::WriteDown(const std::vector<Replay>& replays,
                                                               ReplayOffsets* known) {
  std::map<int32_t, int64_t> ends;
  for (const Replay& replay : replays) {
    if (ends.contains(replay.partition)) continue;
    SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                            admin_->QueryWatermarks({topic_, replay.partition}, kTimeout));
    ends[replay.partition] = log.end;
  }
  std::vector<const Replay*> waiting;
  SLUICE_RETURN_IF_ERROR(connection_->Begin());
  for (const Replay& replay : replays) {
    SLUICE_ASSIGN_OR_RETURN(
        const postgres::Result row,
        connection_->QueryPrepared(
            "INSERT INTO sluice.replays AS r (topic, topic_id, partition, kafka_offset, value, "
            "search_from) VALUES ($1, $2, $3::integer, $4::bigint, $5::bytea, $6::bigint) "
            "ON CONFLICT (topic, topic_id, partition, kafka_offset) DO UPDATE SET value = "
            "CASE WHEN r.replay_offset IS NULL THEN coalesce(excluded.value, r.value) "
            "ELSE r.value END RETURNING replay_offset",
            {topic_, topic_id_, Concat(replay.partition), Concat(replay.offset),
             replay.edited ? BytesParameter(replay.value) : std::nullopt,
             Concat(ends[replay.partition])}));
    if (const auto offset = row.OptionalInteger(0, 0)) {
      (*known)[{replay.partition, replay.offset}] = *offset;
    } else {
      waiting.push_back(&replay);
    }
  }
  SLUICE_RETURN_IF_ERROR(connection_->Commit());
  return waiting;
}

absl::StatusOr<std::vector<int64_t>> Replayer::SendInOne(
    const std::vector<const Replay*>& replays) {
  SLUICE_RETURN_IF_ERROR(producer_->BeginTransaction());
  for (size_t i = 0; i < replays.size(); ++i) {
    const Replay& replay = *replays[i];
    kafka::OutgoingRecord record;
    record.partition = {topic_, replay.partition};
    if (replay.key) record.key = *replay.key;
    if (replay.value) record.value = kafka::Payload{*replay.value, nullptr};
    record.headers = {{kReplayOfHeader, HeaderOf(replay.partition, replay.offset)}};
    SLUICE_RETURN_IF_ERROR(producer_->Send(std::move(record), i));
  }
  const absl::Time deadline = absl::Now() + kTimeout;
  std::vector<kafka::Delivery> deliveries;
  while (producer_->in_flight() > 0 && absl::Now() < deadline)
    producer_->Poll(absl::Milliseconds(50), &deliveries);
  std::vector<int64_t> offsets(replays.size(), -1);
  for (const kafka::Delivery& delivery : deliveries) {
    SLUICE_RETURN_IF_ERROR(delivery.status);
    offsets[delivery.token] = delivery.offset;
  }
  if (deliveries.size() < replays.size())
    return absl::UnavailableError("Kafka did not acknowledge in time; the same command goes on");
  SLUICE_RETURN_IF_ERROR(producer_->CommitTransaction(kTimeout));
  return offsets;
}

}  // namespace sluice::sluicectl
