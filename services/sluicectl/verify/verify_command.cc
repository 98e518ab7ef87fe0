#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/time/clock.h"
#include "base/status.h"
#include "kafka/admin.h"
#include "sluicectl/commands.h"
#include "sluicectl/database.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/table.h"
#include "sluicectl/verify/verifier.h"

namespace sluice::sluicectl {
namespace {

std::map<std::string, int64_t> SumVerdicts(const Proof& proof) {
  std::map<std::string, int64_t> sums;
  for (const PartitionProof& partition : proof.partitions) {
    for (const auto& [verdict, count] : partition.verdicts) sums[verdict] += count;
  }
  return sums;
}

int64_t SumRecords(const Proof& proof) {
  int64_t records = 0;
  for (const PartitionProof& partition : proof.partitions) records += partition.records;
  return records;
}

Table PartitionTable(const Proof& proof) {
  Table table({"partition", "origin", "next", "end", "records", "clean", "failed", "corrupt",
               "other", "lost", "rejected", "expired"});
  for (const PartitionProof& partition : proof.partitions) {
    auto verdicts = partition.verdicts;
    const int64_t other =
        verdicts["duplicate"] + verdicts["late"] + verdicts["filtered"] + verdicts["tombstone"];
    const auto known = [](int64_t offset) { return offset < 0 ? Json() : Json(offset); };
    table.AddRow({partition.partition, known(partition.origin), known(partition.next),
                  partition.end, partition.records, verdicts["clean"], verdicts["failed"],
                  verdicts["corrupt"], other, verdicts["lost"], partition.rejected,
                  partition.expired});
  }
  return table;
}

void PrintJson(const contract::PipelineConfig& pipeline, const Proof& proof,
               absl::Duration duration) {
  Json verdicts = Json::Object();
  for (const auto& [verdict, count] : SumVerdicts(proof)) verdicts.Set(verdict, count);
  Json differences = Json::Array();
  for (const std::string& line : proof.differences.Lines()) differences.Add(line);
  Json json = Json::Object();
  json.Set("pipeline", pipeline.name).Set("verified", proof.differences.count() == 0);
  json.Set("records", SumRecords(proof)).Set("with_truth", proof.with_truth);
  json.Set("verdicts", std::move(verdicts)).Set("partitions", PartitionTable(proof).ToJson());
  json.Set("difference_count", proof.differences.count())
      .Set("differences", std::move(differences));
  PrintLine(json.Set("seconds", absl::ToDoubleSeconds(duration)).Dump());
}

void PrintText(const contract::PipelineConfig& pipeline, const Proof& proof,
               absl::Duration duration) {
  Print(PartitionTable(proof), Format::kTable);
  for (const std::string& line : proof.differences.Lines()) PrintLine("  " + Json(line).Text());
  if (proof.differences.count() > 0) {
    return PrintLine(Concat("NOT verified: ", proof.differences.count(), " differences"));
  }
  PrintLine(Concat("verified: each of ", SumRecords(proof), " records of ", pipeline.source_topic,
                   " has exactly one outcome",
                   proof.with_truth ? ", the one the truth file promises" : "", " (",
                   absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1))), ")"));
}

class VerifyCommand : public Command {
 public:
  const char* name() const override { return "verify"; }
  const char* description() const override {
    return "Prove from Kafka and PostgreSQL that every record has landed exactly once";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("--truth", truth_,
                   "Truth file of the simulator: compare every record's verdict, reason and rules")
        ->type_name("FILE");
    app.footer(
        "Examples:\n"
        "  sluicectl verify --pipeline pipelines/telemetry\n"
        "  sluicectl verify --pipeline pipelines/telemetry --truth truth.ndjson -o json");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    const absl::Time begun = absl::Now();
    SLUICE_ASSIGN_OR_RETURN(const contract::PipelineConfig pipeline,
                            LoadPipelineArgument(settings.pipeline));
    if (!pipeline.postgres)
      return absl::InvalidArgumentError("the pipeline has no PostgreSQL sink to verify");
    SLUICE_ASSIGN_OR_RETURN(const auto connection, ConnectDatabase(settings));
    SLUICE_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::Create(settings.kafka));
    SLUICE_ASSIGN_OR_RETURN(const Proof proof,
                            Verifier(pipeline, admin.get(), connection.get()).Run(truth_));
    const absl::Duration duration = absl::Now() - begun;
    settings.format == Format::kJson ? PrintJson(pipeline, proof, duration)
                                     : PrintText(pipeline, proof, duration);
    return proof.differences.count() == 0 ? Outcome::kFine : Outcome::kFinding;
  }

 private:
  std::string truth_;
};

}  // namespace

std::unique_ptr<Command> MakeVerifyCommand() { return std::make_unique<VerifyCommand>(); }

}  // namespace sluice::sluicectl
