#include <CLI/CLI.hpp>

#include "absl/time/time.h"
#include "base/status.h"
#include "contract/contract.h"
#include "postgres/sql_state.h"
#include "sluicectl/commands.h"
#include "sluicectl/database.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/records/column_condition.h"
#include "sluicectl/records/record_search.h"
#include "sluicectl/records/record_story.h"
#include "sluicectl/records/redaction.h"

namespace sluice::sluicectl {
namespace {

constexpr std::string_view kQueryCanceled = "57014";

class ExplainCommand : public Command {
 public:
  const char* name() const override { return "explain"; }
  const char* description() const override {
    return "Tell a record's story: bytes, verdict per stage, rules with values, rows, commit";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("--partition", partition_, "Source partition")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--offset", offset_, "Source offset")
        ->type_name("OFFSET")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--where", where_,
                   "Instead of an offset: records whose column has this value, written as in a "
                   "record (repeatable: all of them)")
        ->type_name("COLUMN=VALUE")
        ->allow_extra_args(false);
    app.add_option(
           "--key", key_,
           "Instead of an offset: records with this Kafka key, corrupt ones too; bytes that "
           "are no text as \\xHEX")
        ->type_name("KEY");
    app.add_option("--limit", limit_, "With --where or --key: at most so many records")
        ->type_name("N")
        ->check(CLI::Range(int64_t{1}, int64_t{1000}))
        ->capture_default_str();
    app.add_option("--statement-timeout", timeout_seconds_,
                   "How long one statement in PostgreSQL may take; 0: no end")
        ->type_name("S")
        ->check(CLI::Range(0.0, 86400.0))
        ->capture_default_str();
    AddShowClassified(&app, &show_classified_);
    app.footer(
        "--where and --key look into the tables of clean and failed records and into the dead "
        "letters; --key alone into\nthat of corrupt records too, which have no columns. A record "
        "that has not landed is not found. The tables have no\nindex on the contract's columns but "
        "those you made: without one a search reads them whole, or the partitions of\nthe day when "
        "--where names the column that the table is partitioned by.\n\n"
        "Examples:\n"
        "  sluicectl explain --pipeline telemetry --partition 0 --offset 1234\n"
        "  sluicectl explain --pipeline telemetry --where trip_id=trip-00042 --where "
        "fuel_level=12.5\n"
        "  sluicectl explain --pipeline telemetry --key car-017 --partition 2 --limit 3 -o json");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_RETURN_IF_ERROR(CheckUsage());
    SLUICE_ASSIGN_OR_RETURN(const contract::PipelineConfig pipeline,
                            LoadPipelineArgument(settings.pipeline));
    SLUICE_ASSIGN_OR_RETURN(const auto query, ReadQuery(pipeline));
    SLUICE_ASSIGN_OR_RETURN(const auto admin, kafka::Admin::Create(settings.kafka));
    std::unique_ptr<postgres::Connection> database;
    if (query || (pipeline.postgres && !settings.database_url.empty())) {
      SLUICE_ASSIGN_OR_RETURN(database, Connect(settings));
    }
    SLUICE_ASSIGN_OR_RETURN(Redaction redaction, Redaction::Of(pipeline, show_classified_));
    stage::ContractStore contracts(settings.kafka, admin.get());
    StoryTeller teller(pipeline, admin.get(), &contracts, database.get(), std::move(redaction));
    const auto outcome = query ? TellFound(settings, pipeline, *query, *database, &teller)
                               : TellOne(settings, &teller);
    if (postgres::SqlState(outcome.status()) == kQueryCanceled) return TookTooLong();
    return outcome;
  }

 private:
  absl::Status CheckUsage() const {
    const bool searching = !where_.empty() || key_;
    if (searching && offset_) {
      return absl::InvalidArgumentError("--offset says which record: leave --where and --key out");
    }
    if (!searching && !(partition_ && offset_)) {
      return absl::InvalidArgumentError(
          "say which record: --partition and --offset, or --where COLUMN=VALUE, or --key KEY");
    }
    return absl::OkStatus();
  }

  // nullopt: the coordinates are given.
  absl::StatusOr<std::optional<RecordQuery>> ReadQuery(
      const contract::PipelineConfig& pipeline) const {
    if (offset_) return std::nullopt;
    if (!pipeline.postgres) {
      return absl::InvalidArgumentError(
          "the pipeline has no PostgreSQL sink to search: give --partition and --offset");
    }
    RecordQuery query;
    SLUICE_ASSIGN_OR_RETURN(const auto contract, contract::LoadContract(pipeline.contract_path));
    SLUICE_ASSIGN_OR_RETURN(query.columns, ParseConditions(where_, *contract));
    query.key = key_;
    query.partition = partition_;
    query.limit = limit_;
    return std::optional<RecordQuery>(std::move(query));
  }

  absl::StatusOr<std::unique_ptr<postgres::Connection>> Connect(const Settings& settings) const {
    SLUICE_ASSIGN_OR_RETURN(auto database, ConnectDatabase(settings));
    SLUICE_RETURN_IF_ERROR(database
                               ->Query("SELECT set_config('statement_timeout', $1, false)",
                                       {Concat(static_cast<int64_t>(timeout_seconds_ * 1000))})
                               .status());
    return database;
  }

  absl::Status TookTooLong() const {
    return absl::DeadlineExceededError(
        Concat("PostgreSQL took longer than ", timeout_seconds_,
               " s to search the tables: narrow it (--partition, --where on the column that the "
               "table is partitioned by), make an index, or give it more time by "
               "--statement-timeout"));
  }

  absl::StatusOr<Outcome> TellOne(const Settings& settings, StoryTeller* teller) {
    SLUICE_ASSIGN_OR_RETURN(const RecordStory story, teller->Tell({*partition_, *offset_}));
    PrintLine(settings.format == Format::kJson ? story.ToJson().Dump() : story.ToText());
    return story.known() ? Outcome::kFine : Outcome::kFinding;
  }

  absl::StatusOr<Outcome> TellFound(const Settings& settings,
                                    const contract::PipelineConfig& pipeline,
                                    const RecordQuery& query, postgres::Connection& database,
                                    StoryTeller* teller) {
    SLUICE_ASSIGN_OR_RETURN(const FoundRecords found, FindRecords(database, pipeline, query));
    const bool json = settings.format == Format::kJson;
    Json records = Json::Array();
    for (const RecordPlace place : found.places) {
      SLUICE_ASSIGN_OR_RETURN(const RecordStory story, teller->Tell(place));
      if (json) {
        Json record = Json::Object();
        record.Set("partition", place.partition).Set("offset", place.offset);
        records.Add(record.Set("story", story.ToJson()));
      } else {
        PrintLine(Concat("== partition ", place.partition, ", offset ", place.offset, "\n\n",
                         story.ToText()));
      }
    }
    if (json) {
      Json answer = Json::Object();
      PrintLine(answer.Set("records", std::move(records)).Set("more", found.more).Dump());
    }
    std::fflush(stdout);
    if (found.places.empty()) std::fprintf(stderr, "%s\n", Nothing(query, found).c_str());
    if (found.more) {
      std::fprintf(stderr,
                   "more records match than these %zu: narrow the search, or raise --limit\n",
                   found.places.size());
    }
    return found.places.empty() ? Outcome::kFinding : Outcome::kFine;
  }

  std::string Nothing(const RecordQuery& query, const FoundRecords& found) const {
    std::string wanted;
    for (const std::string& where : where_) Append(&wanted, wanted.empty() ? "" : " and ", where);
    if (key_) Append(&wanted, wanted.empty() ? "" : " and ", "key=", *key_);
    if (partition_) Append(&wanted, " in partition ", *partition_);
    return Concat("no record with ", wanted, " in ", found.searched,
                  query.columns.empty() ? "" : " (corrupt records have no columns: try --key)",
                  "; one that has not landed yet is not found");
  }

  std::optional<int32_t> partition_;
  std::optional<int64_t> offset_;
  std::vector<std::string> where_;
  std::optional<std::string> key_;
  int64_t limit_ = 10;
  double timeout_seconds_ = 60;
  bool show_classified_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeExplainCommand() { return std::make_unique<ExplainCommand>(); }

}  // namespace sluice::sluicectl
