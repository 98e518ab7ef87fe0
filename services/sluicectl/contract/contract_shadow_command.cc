#include <algorithm>
#include <cstdio>
#include <limits>

#include "absl/time/clock.h"
#include "base/status.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "service/signals.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/contract/shadow_reader.h"
#include "sluicectl/contract/shadow_report.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr absl::Duration kPollInterval = absl::Milliseconds(100);
constexpr size_t kHeldBytes = 64 << 20;  // by all readers together

/// When to end: at a signal, or at the end of a live run's time.
class Ending {
 public:
  Ending(service::StopSignals* signals, absl::Time deadline)
      : signals_(*signals), deadline_(deadline) {}

  /// Cheap: looks now and then only.
  bool Reached() { return ended_ || (++asked_ % 1024 == 0 && Wait(absl::ZeroDuration())); }
  bool Wait(absl::Duration timeout) {
    const absl::Duration left = deadline_ - absl::Now();
    ended_ = ended_ || left <= absl::ZeroDuration() || signals_.Wait(std::min(timeout, left)) != 0;
    return ended_;
  }

 private:
  service::StopSignals& signals_;
  const absl::Time deadline_;
  int64_t asked_ = 0;
  bool ended_ = false;
};

class ContractShadowCommand : public Command {
 public:
  const char* name() const override { return "shadow"; }
  const char* description() const override {
    return "Judge live or past records by a candidate beside the live contract, and report what "
           "differs";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("CANDIDATE", path_, "The contract to come, or its pipeline")->required();
    app.add_option("--partition", partitions_, "Only this partition (repeatable)")
        ->type_name("K")
        ->allow_extra_args(false)
        ->check(CLI::NonNegativeNumber);
    from_flag_ = app.add_option("--from", from_,
                                "Past records: from this source offset of each partition "
                                "(default: the oldest kept)")
                     ->type_name("OFFSET")
                     ->check(CLI::NonNegativeNumber);
    to_flag_ = app.add_option("--to", to_,
                              "Past records: up to before this offset (default: all that the "
                              "validator has seen)")
                   ->type_name("OFFSET")
                   ->check(CLI::NonNegativeNumber);
    last_flag_ =
        app.add_option("--last", last_, "Past records: the last N offsets of each partition")
            ->type_name("N")
            ->check(CLI::PositiveNumber)
            ->excludes(from_flag_)
            ->excludes(to_flag_);
    app.add_option("--seconds", seconds_, "Live records: end after this long; 0: only by the limit")
        ->type_name("S")
        ->check(CLI::NonNegativeNumber)
        ->excludes(from_flag_)
        ->excludes(to_flag_)
        ->excludes(last_flag_)
        ->capture_default_str();
    app.add_option("--limit", limit_, "End after this many records; 0: no limit")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--examples", examples_, "Examples of each difference")
        ->type_name("N")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
    app.footer(
        "Needs Kafka and --pipeline. It only reads: no stage waits for it, and no verdict "
        "changes.\n"
        "Without --from, --to and --last it follows the records that arrive. Each record is judged "
        "beside\nthe contract that was in force at it. Ctrl-C ends it with the report so far.\n"
        "Metrics are measured over the pipeline's windows, as far as whole ones have ended.\n"
        "Examples are PARTITION@OFFSET: `sluicectl explain` tells the rest.\n"
        "Exit codes: 0 no record would have another verdict, 1 some would, 2 a file cannot be read "
        "or has\nerrors.\n\n"
        "Examples:\n"
        "  sluicectl contract shadow new.odcs.yaml --pipeline orders\n"
        "  sluicectl contract shadow new.odcs.yaml --pipeline orders --last 100000\n"
        "  sluicectl contract shadow new.odcs.yaml --pipeline orders --partition 0 --from 5000 "
        "--to 6000");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const ContractFiles files, LoadContractFiles(path_));
    SLUICE_ASSIGN_OR_RETURN(const contract::PipelineConfig pipeline,
                            LoadPipelineArgument(settings.pipeline));
    SLUICE_RETURN_IF_ERROR(contract::CheckPipeline(pipeline, *files.contract));
    if (Past() && to_flag_->count() > 0 && to_ < from_) {
      return absl::InvalidArgumentError("--to is before --from");
    }
    service::StopSignals signals;  // before Kafka's threads
    const bool for_ever = Past() || seconds_ == 0;
    Ending ending(&signals,
                  for_ever ? absl::InfiniteFuture() : absl::Now() + absl::Seconds(seconds_));
    SLUICE_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::Create(settings.kafka));
    SLUICE_ASSIGN_OR_RETURN(const std::vector<int32_t> partitions, Partitions(*admin, pipeline));
    stage::ContractStore contracts(settings.kafka, admin.get());
    sample::Shadow shadow(files.contract,
                          {record::LimitsOf(pipeline), static_cast<size_t>(examples_),
                           rules::MetricWindows(pipeline)});
    const size_t readers = Past() ? 1 : partitions.size();
    ShadowReader::Shared shared{admin.get(),
                                &pipeline,
                                &contracts,
                                &shadow,
                                kHeldBytes / (2 * readers),
                                limit_ > 0 ? limit_ : std::numeric_limits<int64_t>::max(),
                                [&ending] { return ending.Reached(); }};
    std::vector<ShadowPartition> done;
    const absl::Status read = Past() ? ReadPast(&shared, partitions, &done)
                                     : ReadLive(&shared, partitions, &ending, &done);
    // What was seen until a failure is still worth telling.
    SLUICE_RETURN_IF_ERROR(shadow.Flush());
    const sample::ShadowReport& report = shadow.report();
    const ShadowResult result(*files.contract, report, done);
    if (read.ok() || report.records > 0) {
      PrintLine(settings.format == Format::kJson ? result.ToJson().Dump() : result.ToText());
    }
    SLUICE_RETURN_IF_ERROR(read);
    if (report.records == 0) std::fprintf(stderr, "no record came by\n");
    return report.differing == 0 ? Outcome::kFine : Outcome::kFinding;
  }

 private:
  bool Past() const {
    return from_flag_->count() > 0 || to_flag_->count() > 0 || last_flag_->count() > 0;
  }

  absl::StatusOr<std::vector<int32_t>> Partitions(kafka::Admin& admin,
                                                  const contract::PipelineConfig& pipeline) const {
    SLUICE_ASSIGN_OR_RETURN(const kafka::TopicDescription topic,
                            admin.Describe(pipeline.source_topic, kRequestTimeout));
    std::vector<int32_t> partitions = partitions_;
    for (const int32_t partition : partitions) {
      if (partition >= topic.partitions) {
        return absl::InvalidArgumentError(Concat("--partition: ", pipeline.source_topic, " has ",
                                                 topic.partitions, " partitions, no ", partition));
      }
    }
    for (int32_t partition = 0; partitions_.empty() && partition < topic.partitions; ++partition) {
      partitions.push_back(partition);
    }
    std::sort(partitions.begin(), partitions.end());
    partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
    return partitions;
  }

  static absl::Status CheckGap(const ShadowReader& reader) {
    const auto gap = reader.gap();
    if (!gap) return absl::OkStatus();
    return absl::FailedPreconditionError(
        Concat("partition ", reader.partition(), ": no batch in Kafka accounts for [", gap->first,
               ", ", gap->next,
               "): it has expired, or awaits sluicectl repair; so nobody can tell the contract in "
               "force there. Begin with --from ",
               gap->next));
  }

  static void Note(const ShadowReader& reader, std::vector<ShadowPartition>* done) {
    if (!reader.range()) return;
    done->push_back({reader.partition(), *reader.range(), reader.records()});
  }

  absl::Status ReadPast(ShadowReader::Shared* shared, const std::vector<int32_t>& partitions,
                        std::vector<ShadowPartition>* done) const {
    for (const int32_t partition : partitions) {
      const kafka::TopicPartition source{shared->pipeline->source_topic, partition};
      SLUICE_ASSIGN_OR_RETURN(const kafka::Watermarks log,
                              shared->admin->QueryWatermarks(source, kRequestTimeout));
      SLUICE_ASSIGN_OR_RETURN(const int64_t end,
                              AccountedEnd(*shared->admin, *shared->pipeline, partition));
      const int64_t to = to_flag_->count() > 0 ? std::min(to_, end) : end;
      const int64_t from = std::max(last_ > 0 ? end - last_ : from_, log.begin);
      if (from >= to) continue;
      SLUICE_ASSIGN_OR_RETURN(ShadowReader reader,
                              ShadowReader::OfRange(shared, partition, from, to));
      const absl::Status read = reader.CatchUp();
      Note(reader, done);
      SLUICE_RETURN_IF_ERROR(read);
      SLUICE_RETURN_IF_ERROR(CheckGap(reader));
    }
    return absl::OkStatus();
  }

  absl::Status ReadLive(ShadowReader::Shared* shared, const std::vector<int32_t>& partitions,
                        Ending* ending, std::vector<ShadowPartition>* done) const {
    std::vector<ShadowReader> readers;
    for (const int32_t partition : partitions) {
      SLUICE_ASSIGN_OR_RETURN(ShadowReader reader, ShadowReader::FromNow(shared, partition));
      readers.push_back(std::move(reader));
    }
    absl::Status status;
    do {
      for (ShadowReader& reader : readers) {
        if (status.ok()) status = reader.CatchUp();
      }
    } while (status.ok() && !shared->Ended() && !ending->Wait(kPollInterval));
    for (const ShadowReader& reader : readers) {
      Note(reader, done);
      if (status.ok()) status = CheckGap(reader);
    }
    return status;
  }

  std::string path_;
  std::vector<int32_t> partitions_;
  int64_t from_ = 0;
  int64_t to_ = 0;
  int64_t last_ = 0;
  double seconds_ = 30;
  int64_t limit_ = 0;
  int examples_ = 3;
  CLI::Option* from_flag_ = nullptr;
  CLI::Option* to_flag_ = nullptr;
  CLI::Option* last_flag_ = nullptr;
};

}  // namespace

std::unique_ptr<Command> MakeContractShadowCommand() {
  return std::make_unique<ContractShadowCommand>();
}

}  // namespace sluice::sluicectl
