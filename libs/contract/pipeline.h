#pragma once
// The pipeline file: everything that is not the contract's business. docs/your-own-topic.md has the
// user's view.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/contract.h"
#include "contract/duration.h"
#include "contract/window_size.h"

namespace sluice::contract {

/// The PostgreSQL sink of a pipeline. Empty table names are not allowed.
struct PostgresSinkConfig {
  std::string name = "postgres";  ///< the sink's name in coverage and ledger
  std::string schema = "public";
  std::string clean_table;
  std::string failed_table;
  std::string corrupt_table;
  std::string audit_view;
  std::string partition_column;  ///< empty: the clean table is not partitioned
  absl::Duration partition_interval = absl::Hours(24);
  int64_t commit_rows = 100'000;                       ///< group commit: by rows,
  int64_t commit_bytes = 32 << 20;                     ///< by bytes of accepted batches,
  absl::Duration commit_age = absl::Milliseconds(50);  ///< and by age of the oldest accepted batch
};

/// When qc stops a partition because too many of its records fail.
struct BreakerConfig {
  double max_failure_rate = 1;  ///< of the offsets of a window; 1: never
  int64_t window = 10'000;      ///< source offsets; windows begin at its multiples
};

struct PipelineConfig {
  std::string name;           ///< [a-z0-9-]{1,40}
  std::string file;           ///< the path it was read from
  std::string folder;         ///< where the file lies
  std::string contract_path;  ///< resolved against `folder`
  int generation = 1;
  // source.kafka
  std::string source_topic;
  enum class StartingOffsets { kEarliest, kLatest } starting_offsets = StartingOffsets::kEarliest;
  // event_time
  std::string event_time_column;  ///< empty: the record's Kafka timestamp
  absl::Duration watermark_delay = absl::ZeroDuration();
  absl::Duration idle_timeout = absl::Minutes(1);
  // batch and limits
  int64_t batch_rows = 4096;
  int64_t batch_bytes = 1 << 20;  ///< size on the wire at which a batch closes
  absl::Duration batch_age = absl::Milliseconds(5);
  int64_t max_record_bytes = 1 << 20;  ///< a longer value is `corrupt: oversize`, unparsed
  int64_t max_raw_bytes = 16 << 10;    ///< how much of a corrupt value is kept in `_raw`
  int64_t max_key_bytes = 4 << 10;  ///< a longer key is `corrupt: oversize_key`, and kept truncated
  int max_depth = 32;
  std::optional<BreakerConfig> breaker;  ///< none: only a rule with the action `fail` trips it
  WindowSize quality_window;             ///< over which the contract's metrics are measured
  absl::Duration punctuation_interval = absl::Seconds(3);
  absl::Duration internal_retention = absl::Hours(24 * 7);
  int replication_factor = -1;  ///< of internal topics; -1: the broker's default
  std::optional<PostgresSinkConfig> postgres;
  /// Where the value of each key is written: line and column from 1, by the key's path.
  std::map<std::string, std::pair<int, int>, std::less<>> places;

  /// sluice.<pipeline>.<generation>.<stage>
  std::string InternalTopic(std::string_view stage) const;
  /// sluice.<pipeline>.<generation>.<member>: the consumer group of a service (or of a sink).
  std::string ConsumerGroup(std::string_view member) const;
};

/// Load `path`: a pipeline.yaml or the folder that holds one. `${VAR:-default}` is replaced from
/// the environment, durations are `10m` or `10 minutes`, unknown and duplicate keys are refused.
/// All problems at once, as in ParseContract.
absl::StatusOr<PipelineConfig> LoadPipeline(const std::string& path);

/// The same from the text of `file`. Any bytes are accepted as input; never throws.
absl::StatusOr<PipelineConfig> ParsePipeline(std::string_view text, const std::string& file);

/// The same with every problem in `problems`, in the order of the file; nothing when there is one.
std::optional<PipelineConfig> ReadPipeline(std::string_view text, const std::string& file,
                                           std::vector<Problem>* problems);

/// `path` itself, or the pipeline.yaml in it when it is a folder.
std::string PipelineFile(const std::string& path);

/// What only both files together can tell: the columns the pipeline names exist in the contract and
/// have a fitting type.
std::vector<Problem> PipelineProblems(const PipelineConfig& pipeline, const Contract& contract);

/// The same: kInvalidArgument with one problem a line.
absl::Status CheckPipeline(const PipelineConfig& pipeline, const Contract& contract);

/// Every key of the pipeline file with its meaning, as a Markdown table.
std::string PipelineKeysAsMarkdown();

}  // namespace sluice::contract
