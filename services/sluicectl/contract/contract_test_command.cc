#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

#include "absl/time/clock.h"
#include "base/status.h"
#include "record/time_parser.h"
#include "rules/explanation.h"
#include "sample/trial.h"
#include "sluicectl/contract/check_table.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/contract/junit.h"
#include "sluicectl/contract/sample_flags.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

absl::Status CannotWrite(const std::string& path) {
  return absl::InvalidArgumentError(Concat("cannot write ", path, ": ", std::strerror(errno)));
}

absl::StatusOr<File> OpenForWriting(const std::string& path) {
  File file(std::fopen(path.c_str(), "wb"), &std::fclose);
  if (file == nullptr) return CannotWrite(path);
  return file;
}

absl::Status Close(File file, const std::string& path) {
  const bool written = std::ferror(file.get()) == 0;
  const bool closed = std::fclose(file.release()) == 0;
  return written && closed ? absl::OkStatus() : CannotWrite(path);
}

class ContractTestCommand : public Command {
 public:
  const char* name() const override { return "test"; }
  const char* description() const override {
    return "Judge the records of a file as the services would, and print the check table";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("CONTRACT", path_,
                   "A contract, or a pipeline's file or folder (with its limits)")
        ->required();
    sample_.AddFlags(app);
    app.add_option("--timestamp", timestamp_,
                   "What _timestamp is, such as 2024-03-10T14:22:35Z (default: now)")
        ->type_name("TIME");
    app.add_option("--examples", examples_, "Examples of each reason, rule and metric")
        ->type_name("N")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
    app.add_option(
           "--window", window_,
           "Measure the contract's metrics over windows of N records, or of event time such "
           "as '5 minutes'\n(with a pipeline), each by itself; what is left at the end is no "
           "window (default: the whole\nsample is one)")
        ->type_name("N|TIME");
    app.add_option("--records", records_, "Write the verdict of each record there, as NDJSON")
        ->type_name("FILE");
    app.add_option("--junit", junit_, "Write the results there, as JUnit's XML")->type_name("FILE");
    fail_on_.AddFlag(app);
    app.footer(
        "Exit codes: 0 no record is corrupt or failed, and no metric of severity error misses its "
        "threshold\n(warnings are fine; see --fail-on), 1 some are or one does, 2 a file cannot be "
        "read, or the contract\nhas errors.\n\n"
        "Examples:\n"
        "  sluicectl contract test orders.odcs.yaml --sample orders.ndjson\n"
        "  sluicectl contract test pipelines/orders --sample orders.csv --junit report.xml\n"
        "  sluicectl contract test pipelines/orders --sample orders.parquet --fail-on warning\n"
        "  kcat -C -e -t raw_orders -c 10000 | sluicectl contract test pipelines/orders --sample "
        "-");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const ContractFiles files, LoadContractFiles(path_));
    const contract::Contract& contract = *files.contract;
    sample::TrialOptions options;
    options.limits = record::LimitsOf(files.pipeline.value_or(contract::PipelineConfig()));
    options.examples = static_cast<size_t>(examples_);
    SLUICE_RETURN_IF_ERROR(SetWindow(files, &options));
    SLUICE_ASSIGN_OR_RETURN(options.timestamp_ms, Timestamp());
    SLUICE_ASSIGN_OR_RETURN(const auto sample,
                            sample_.Open(options.limits.max_record_bytes, &contract));
    File records(nullptr, &std::fclose);
    if (!records_.empty()) {
      SLUICE_ASSIGN_OR_RETURN(records, OpenForWriting(records_));
      options.each = [&](const sample::RecordVerdict& record) {
        const std::string line = RecordJson(contract, record).Dump() + "\n";
        std::fwrite(line.data(), 1, line.size(), records.get());
      };
    }
    SLUICE_ASSIGN_OR_RETURN(const sample::CheckTable table,
                            sample::TryContract(files.contract, options, sample.get()));
    if (table.records == 0) {
      return absl::InvalidArgumentError(Concat(sample_.path(), " has no records"));
    }
    if (!contract.metrics.empty() && table.metrics[0].windows == 0) {
      return absl::InvalidArgumentError(
          options.window->records == 0
              ? Concat("--window: no window of event time closes in ", sample_.path(),
                       ", so that no metric would be measured")
              : Concat("--window: ", sample_.path(), " has only ", table.records,
                       " records, so that no metric would be measured"));
    }
    if (records != nullptr) SLUICE_RETURN_IF_ERROR(Close(std::move(records), records_));
    const CheckReport report{contract, table, sample->format()};
    SLUICE_RETURN_IF_ERROR(WriteJunit(report));
    const Outcome outcome = fail_on_.Judge(
        table.Count(batch::Verdict::kCorrupt) + table.Count(batch::Verdict::kFailed) > 0 ||
            report.MissesThreshold(/*error=*/true),
        table.warned > 0 || report.MissesThreshold(/*error=*/false));
    if (settings.format == Format::kJson) {
      PrintLine(report.ToJson(outcome == Outcome::kFine).Dump());
    } else {
      PrintLine(report.ToText());
    }
    return outcome;
  }

 private:
  absl::Status SetWindow(const ContractFiles& files, sample::TrialOptions* options) const {
    if (window_.empty()) return absl::OkStatus();
    options->window.emplace();
    if (const std::string problem = contract::SetWindowSize(window_, 1, &*options->window);
        !problem.empty())
      return absl::InvalidArgumentError(Concat("--window: ", problem));
    if (options->window->records != 0) return absl::OkStatus();
    if (!files.pipeline || files.pipeline->event_time_column.empty()) {
      return absl::InvalidArgumentError(
          "--window: event time needs a pipeline with `event_time.column`");
    }
    options->watermark_delay = files.pipeline->watermark_delay;
    options->event_time_column = files.pipeline->event_time_column;
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Timestamp() const {
    if (timestamp_.empty()) return absl::ToUnixMillis(absl::Now());
    int64_t micros = 0;
    if (!record::ParseTimestamp(timestamp_, &micros)) {
      return absl::InvalidArgumentError(
          Concat("--timestamp: `", timestamp_, "` is not like 2024-03-10T14:22:35Z"));
    }
    return micros / 1000;
  }

  absl::Status WriteJunit(const CheckReport& report) const {
    if (junit_.empty()) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(File file, OpenForWriting(junit_));
    const std::string xml = report.ToJunit(fail_on_.level == "warning");
    std::fwrite(xml.data(), 1, xml.size(), file.get());
    return Close(std::move(file), junit_);
  }

  std::string path_;
  SampleFlags sample_;
  std::string timestamp_;
  int examples_ = 3;
  std::string window_;
  std::string records_;
  std::string junit_;
  FailOn fail_on_;
};

}  // namespace

std::unique_ptr<Command> MakeContractTestCommand() {
  return std::make_unique<ContractTestCommand>();
}

}  // namespace sluice::sluicectl
