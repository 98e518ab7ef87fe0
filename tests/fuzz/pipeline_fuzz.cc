// Any bytes as a pipeline file: problems with their places, or a configuration within its limits.

#include "base/strings.h"
#include "contract/pipeline.h"
#include "problems.h"
#include "seeds.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

using contract::PipelineConfig;

void CheckConfig(const PipelineConfig& config) {
  FUZZ_PROMISE(!config.name.empty() && config.name.size() <= 40, config.name);
  FUZZ_PROMISE(
      config.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos,
      config.name);
  FUZZ_PROMISE(config.folder == "folder");
  FUZZ_PROMISE(config.generation >= 1);
  FUZZ_PROMISE(!config.source_topic.empty());
  FUZZ_PROMISE(config.batch_rows >= 1 && config.batch_rows <= 65536);
  FUZZ_PROMISE(config.batch_bytes >= 1);
  FUZZ_PROMISE(config.max_record_bytes >= 1 && config.max_raw_bytes >= 0 &&
               config.max_key_bytes >= 0);
  FUZZ_PROMISE(config.max_depth >= 1 && config.max_depth <= 1000);
  FUZZ_PROMISE(config.punctuation_interval > absl::ZeroDuration());
  FUZZ_PROMISE(config.internal_retention > absl::ZeroDuration());
  if (!config.postgres) return;
  FUZZ_PROMISE(!config.postgres->clean_table.empty() && !config.postgres->audit_view.empty());
  FUZZ_PROMISE(config.postgres->partition_interval >= absl::Hours(24));
  FUZZ_PROMISE(config.postgres->commit_rows >= 1 && config.postgres->commit_bytes >= 1);
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = ReadFolder("tests/data/pipelines", ".yaml");
  for (const char* folder : {"tests/data/hostile", "pipelines/telemetry"}) {
    for (std::string& text : ReadFolder(folder, "pipeline.yaml")) seeds.push_back(std::move(text));
  }
  for (const char* value : {"10ms", "1h30m", "10 minutes", "1 day", "9223372036854775807s",
                            "64 KiB", "2 GiB", "${HOME:-x}"}) {
    seeds.push_back(value);
  }
  return seeds;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string_view text = fuzz::View(data, size);
  const auto config = contract::ParsePipeline(text, "folder/f.yaml");
  if (config.ok()) {
    fuzz::CheckConfig(*config);
  } else {
    FUZZ_PROMISE(config.status().code() == absl::StatusCode::kInvalidArgument);
    fuzz::CheckProblems(StdView(config.status().message()), "folder/f.yaml:");
  }
  FUZZ_PROMISE(contract::ParsePipeline(text, "folder/f.yaml").status() == config.status());
  const auto duration = contract::ParseDuration(text);
  if (duration.ok()) FUZZ_PROMISE(*duration >= absl::ZeroDuration(), text);
  const auto bytes = contract::ParseBytes(text);
  if (bytes.ok()) FUZZ_PROMISE(*bytes >= 0, text);
  return 0;
}
