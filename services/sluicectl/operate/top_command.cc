#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/time/clock.h"
#include "base/status.h"
#include "sluicectl/commands.h"
#include "sluicectl/operate/status_view.h"
#include "sluicectl/pipeline_argument.h"

namespace sluice::sluicectl {
namespace {

class TopCommand : public Command {
 public:
  const char* name() const override { return "top"; }
  const char* description() const override {
    return "The same as status, live, with rates; ends with Ctrl-C";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("--interval", interval_, "Seconds between two looks")
        ->type_name("S")
        ->check(CLI::Range(0.1, 3600.0))
        ->capture_default_str();
    app.add_option("--count", count_, "End after this many looks; 0: never")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.footer(
        "Examples:\n"
        "  sluicectl top\n"
        "  sluicectl top --pipeline telemetry --interval 5\n"
        "  sluicectl top --count 2 -o json");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const std::string pipeline, PipelineName(settings.pipeline));
    const bool screen = settings.format == Format::kTable && isatty(STDOUT_FILENO);
    std::vector<Process> processes = AskAll(settings);
    RateMeter rates;
    for (int64_t look = 0; count_ == 0 || look < count_; ++look) {
      if (look > 0) {
        absl::SleepFor(absl::Seconds(interval_));
        for (Process& process : processes) Ask(&process);
      }
      rates.Sample(processes, absl::Now());
      if (settings.format == Format::kJson) {
        PrintLine(StatusJson(processes, pipeline).Dump());
      } else {
        if (screen) std::fputs("\033[H\033[2J", stdout);  // home, clear
        Print(StatusTable(processes, pipeline, &rates), settings.format);
      }
      std::fflush(stdout);
    }
    return Outcome::kFine;
  }

 private:
  double interval_ = 1;
  int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeTopCommand() { return std::make_unique<TopCommand>(); }

}  // namespace sluice::sluicectl
