#include "contract/pipeline_keys.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "base/strings.h"

namespace sluice::contract {
namespace {

constexpr size_t kMaxIdentifierBytes = 63;  // PostgreSQL's limit
constexpr size_t kMaxTopicBytes = 249;      // Kafka's limit

template <typename T>
std::string SetInteger(std::string_view text, int64_t min, int64_t max, T* target) {
  int64_t value = 0;
  if (!absl::SimpleAtoi(AbslView(text), &value) || value < min || value > max) {
    return Concat("must be a whole number from ", min, " to ", max);
  }
  *target = static_cast<T>(value);
  return "";
}

std::string SetBytes(std::string_view text, int64_t min, int64_t max, int64_t* target) {
  absl::StatusOr<int64_t> value = ParseBytes(text);
  if (!value.ok()) return std::string(value.status().message());
  if (*value < min || *value > max) return Concat("must be from ", min, " to ", max, " bytes");
  *target = *value;
  return "";
}

std::string SetDuration(std::string_view text, absl::Duration min, absl::Duration max,
                        absl::Duration* target) {
  absl::StatusOr<absl::Duration> value = ParseDuration(text);
  if (!value.ok()) return std::string(value.status().message());
  if (*value < min || *value > max) {
    return Concat("must be from ", absl::FormatDuration(min), " to ", absl::FormatDuration(max));
  }
  *target = *value;
  return "";
}

std::string SetName(std::string_view text, std::string* target) {
  const bool good =
      !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
      });
  if (!good) return "must have lower-case letters, digits and - only, at most 40 of them";
  *target = std::string(text);
  return "";
}

std::string SetTopic(std::string_view text, std::string* target) {
  const bool good = !text.empty() && text.size() <= kMaxTopicBytes && text != "." && text != ".." &&
                    std::all_of(text.begin(), text.end(), [](char c) {
                      return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                    });
  if (!good) return "is no topic name: letters, digits, ., _ and - only, at most 249 of them";
  *target = std::string(text);
  return "";
}

/// A column, schema or table.
/// A column of the contract, which is looked for later: a path, if it is in an object.
std::string SetColumn(std::string_view text, std::string* target) {
  if (text.empty()) return "must name a column";
  *target = std::string(text);
  return "";
}
std::string SetIdentifier(std::string_view text, std::string* target) {
  if (text.empty() || text.size() > kMaxIdentifierBytes) return "must have 1 to 63 bytes";
  *target = std::string(text);
  return "";
}

PostgresSinkConfig& Postgres(PipelineConfig* config) {
  if (!config->postgres.has_value()) config->postgres.emplace();
  return *config->postgres;
}

BreakerConfig& Breaker(PipelineConfig* config) {
  if (!config->breaker.has_value()) config->breaker.emplace();
  return *config->breaker;
}

std::string SetShare(std::string_view text, double* target) {
  double value = 0;
  if (!absl::SimpleAtod(AbslView(text), &value) || !(value >= 0 && value < 1))
    return "must be a share from 0 to less than 1, such as 0.2";
  *target = value;
  return "";
}

std::string SetRecords(std::string_view text, int64_t min, int64_t max, int64_t* target) {
  constexpr std::string_view kUnit = " records";
  const bool unit = text.size() > kUnit.size() && text.substr(text.size() - kUnit.size()) == kUnit;
  return SetInteger(unit ? text.substr(0, text.size() - kUnit.size()) : text, min, max, target);
}

// The arguments of every `set`.
#define SET [](std::string_view text, PipelineConfig * c) -> std::string

std::vector<PipelineKey> MakeKeys() {
  constexpr std::string_view kOptional = "-";
  return {{"version", "", "1", "of this file's format",
           SET{return text == "1" ? "" : "must be 1; there is no other version of this file";
}
}  // namespace
, {"pipeline", "", "a-z, 0-9 and -, at most 40", "the pipeline's name: part of every internal name",
   SET{return SetName(text, &c->name);
}  // namespace sluice::contract
}
, {"contract", "", "a path", "the contract, relative to this file",
   SET{c->contract_path = std::string(text);
return text.empty() ? "must not be empty" : "";
}
}
, {"generation", kOptional, "from 1 (1)",
   "a higher one processes history again into new topics and tables",
   SET{return SetInteger(text, 1, 1'000'000, &c->generation);
}
}
, {"source.kafka.topic", "", "a topic", "where the records come from",
   SET{return SetTopic(text, &c->source_topic);
}
}
, {"source.kafka.starting_offsets", kOptional, "earliest, latest (earliest)",
   "where a new pipeline begins",
   SET{if (text != "earliest" && text != "latest") return "must be earliest or latest";
c->starting_offsets = text == "earliest" ? PipelineConfig::StartingOffsets::kEarliest
                                         : PipelineConfig::StartingOffsets::kLatest;
return "";
}
}
, {"source.kafka.format", kOptional, "json (json)", "one JSON object a record",
   SET{return text == "json" ? "" : "must be json";
}
}
, {"event_time.column", "event_time", "a column",
   "when the recorded thing happened; without it Kafka's timestamp",
   SET{return SetColumn(text, &c->event_time_column);
}
}
, {"event_time.watermark_delay", kOptional, "a duration (0)", "how late records may be",
   SET{return SetDuration(text, absl::ZeroDuration(), absl::Hours(24 * 365), &c->watermark_delay);
}
}
, {"event_time.idle_timeout", kOptional, "a duration (1 minute)",
   "a partition that was quiet for so long no longer holds the watermark back",
   SET{return SetDuration(text, absl::Seconds(1), absl::Hours(24), &c->idle_timeout);
}
}
, {"batch.rows", kOptional, "1 to 65536 (4096)", "a batch closes at so many records",
   SET{return SetInteger(text, 1, 65'536, &c->batch_rows);
}
}
, {"batch.bytes", kOptional, "a size (1 MiB)", "a batch closes at this size on the wire",
   SET{return SetBytes(text, 1 << 10, 64 << 20, &c->batch_bytes);
}
}
, {"batch.age", kOptional, "a duration (5ms)", "a batch closes when its first record is so old",
   SET{return SetDuration(text, absl::Milliseconds(1), absl::Minutes(1), &c->batch_age);
}
}
, {"limits.max_record_bytes", kOptional, "a size (1 MiB)", "a longer record is corrupt: oversize",
   SET{return SetBytes(text, 1, 64 << 20, &c->max_record_bytes);
}
}
, {"limits.max_raw_bytes", kOptional, "a size (16 KiB)", "how much of a corrupt record is kept",
   SET{return SetBytes(text, 0, 16 << 20, &c->max_raw_bytes);
}
}
, {"limits.max_key_bytes", kOptional, "a size (4 KiB)",
   "a record with a longer key is corrupt: oversize_key",
   SET{return SetBytes(text, 0, 1 << 20, &c->max_key_bytes);
}
}
, {"limits.max_depth", kOptional, "1 to 1000 (32)", "a record nested deeper is corrupt: too_deep",
   SET{return SetInteger(text, 1, 1000, &c->max_depth);
}
}
, {"quality.breaker.max_failure_rate", "quality.breaker", "0 to less than 1",
   "qc stops a partition when more than this share of a window is failed or corrupt",
   SET{return SetShare(text, &Breaker(c).max_failure_rate);
}
}
, {"quality.breaker.window", kOptional, "a number of records (10000 records)",
   "how many source offsets are counted together; windows begin at its multiples",
   SET{return SetRecords(text, 1, 1'000'000'000, &Breaker(c).window);
}
}
, {"quality.window", kOptional, "a number of records from 100, or a duration (10000 records)",
   "how many source offsets, or how much event time, a metric of the contract measures together; "
   "windows begin at its multiples",
   SET{return SetWindowSize(text, 100, &c->quality_window);
}
}
, {"internal_topics.retention", kOptional, "a duration (7 days)",
   "of the topics between the services: longer than the longest outage to survive",
   SET{return SetDuration(text, absl::Minutes(1), absl::Hours(24 * 3650), &c->internal_retention);
}
}
, {"internal_topics.replication_factor", kOptional, "-1 to 100 (-1)", "-1: the broker's default",
   SET{if (text == "0") return "must be -1 or at least 1";
return SetInteger(text, -1, 100, &c->replication_factor);
}
}
, {"internal_topics.punctuation_interval", kOptional, "a duration (3s)",
   "how often a quiet partition says that it is alive",
   SET{return SetDuration(text, absl::Milliseconds(100), absl::Minutes(10),
                          &c->punctuation_interval);
}
}
, {"sinks.postgres.name", kOptional, "a-z, 0-9 and -, at most 40 (postgres)",
   "the sink's name in coverage and ledger", SET{return SetName(text, &Postgres(c).name);
}
}
, {"sinks.postgres.schema", kOptional, "a schema (public)", "where the tables are",
   SET{return SetIdentifier(text, &Postgres(c).schema);
}
}
, {"sinks.postgres.tables.clean", "sinks.postgres", "a table", "records that keep every rule",
   SET{return SetIdentifier(text, &Postgres(c).clean_table);
}
}
, {"sinks.postgres.tables.failed", "sinks.postgres", "a table", "records that break a rule",
   SET{return SetIdentifier(text, &Postgres(c).failed_table);
}
}
, {"sinks.postgres.tables.corrupt", "sinks.postgres", "a table", "values that are no record at all",
   SET{return SetIdentifier(text, &Postgres(c).corrupt_table);
}
}
, {"sinks.postgres.tables.audit", "sinks.postgres", "a view",
   "one row per record and checked column", SET{return SetIdentifier(text, &Postgres(c).audit_view);
}
}
, {"sinks.postgres.partition_by.column", "sinks.postgres.partition_by",
   "a date or timestamp column", "the clean table is partitioned by it",
   SET{return SetColumn(text, &Postgres(c).partition_column);
}
}
, {"sinks.postgres.partition_by.interval", kOptional, "whole days (1 day)",
   "the width of a partition",
   SET{std::string problem = SetDuration(text, absl::Hours(24), absl::Hours(24 * 366),
                                         &Postgres(c).partition_interval);
const bool whole = Postgres(c).partition_interval % absl::Hours(24) == absl::ZeroDuration();
return problem.empty() && !whole ? "must be whole days" : problem;
}
}
, {"sinks.postgres.commit_rows", kOptional, "from 1 (100000)",
   "a transaction is committed at so many rows",
   SET{return SetInteger(text, 1, 10'000'000, &Postgres(c).commit_rows);
}
}
, {"sinks.postgres.commit_bytes", kOptional, "a size (32 MiB)", "or at so many bytes of batches",
   SET{return SetBytes(text, 1 << 10, 1 << 30, &Postgres(c).commit_bytes);
}
}
, {"sinks.postgres.commit_age", kOptional, "a duration (50ms)", "or when its first batch is so old",
   SET{return SetDuration(text, absl::Milliseconds(1), absl::Minutes(1), &Postgres(c).commit_age);
}
}
,
}
;
}

#undef SET

}  // namespace

const std::vector<PipelineKey>& PipelineKeys() {
  static const auto& keys = *new std::vector<PipelineKey>(MakeKeys());
  return keys;
}

std::string PipelineKeysAsMarkdown() {
  std::string text = "| key | values (default) | meaning |\n|---|---|---|\n";
  for (const PipelineKey& key : PipelineKeys()) {
    Append(&text, "| `", key.path, "`", key.required_in == "-" ? "" : " *", " | ", key.values,
           " | ", key.meaning, " |\n");
  }
  return text;
}

}  // namespace sluice::contract
