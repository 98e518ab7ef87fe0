// What a simulator needs before it starts: its sources and its data directory.

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "producer_simulator/generated_source.h"
#include "producer_simulator/input_source.h"
#include "producer_simulator/simulator.h"
#include "producer_simulator/spool_source.h"

namespace sluice::producer_simulator {
namespace {

constexpr int64_t kLogFileBytes = 16 << 20;
constexpr int kLogFiles = 4;

absl::Status ApplyFaultFlags(const std::vector<std::string>& flags, FaultMix* mix) {
  for (const std::string& flag : flags) {
    if (flag == "none") {
      *mix = FaultMix();
      continue;
    }
    const size_t equals = flag.find('=');
    const std::optional<Fault> fault = ParseFault(std::string_view(flag).substr(0, equals));
    if (equals == std::string::npos || !fault.has_value()) {
      return absl::InvalidArgumentError(Concat(
          "--fault ", flag, ": write LABEL=SHARE with one of the labels in the README, or none"));
    }
    absl::StatusOr<uint32_t> ppm = ParseShare(std::string_view(flag).substr(equals + 1));
    if (ppm.ok())
      ppm = mix->Set(*fault, *ppm).ok()
                ? ppm
                : absl::InvalidArgumentError("all shares together are above 1");
    if (!ppm.ok()) return Annotate(ppm.status(), Concat("--fault ", flag));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Simulator::LoadSources() {
  if (!options_.input.empty()) {
    absl::StatusOr<std::unique_ptr<InputSource>> input =
        InputSource::Open(options_.input, options_.records, options_.input_key);
    if (!input.ok()) return absl::InvalidArgumentError(input.status().message());
    main_ = *std::move(input);
    origin_ =
        Concat("input ", std::filesystem::absolute(options_.input).lexically_normal().string());
    if (!options_.truth.empty() || !options_.faults.empty()) {
      return absl::InvalidArgumentError(
          "--truth and --fault do not go with --input: nobody knows the truth about a user's file");
    }
    return absl::OkStatus();
  }
  const std::string path = Concat(pipeline_.folder, "/simulator.yaml");
  absl::StatusOr<Profile> profile = LoadProfile(path);
  if (absl::IsNotFound(profile.status())) {
    if (options_.records == 0 && options_.rate == 0 && options_.truth.empty() &&
        options_.faults.empty()) {
      log::Info("no simulator.yaml: nothing is generated, only Publish works",
                {{"pipeline", pipeline_.name}});
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        Concat("the pipeline ", pipeline_.name, " has no ", path,
               ", so there is nothing to generate; replay a file with --input FILE.ndjson, or "
               "leave out --records, "
               "--rate, --truth and --fault and send records through Publish"));
  }
  if (!profile.ok()) return profile.status();
  SLUICE_RETURN_IF_ERROR(ApplyFaultFlags(options_.faults, &profile->faults));
  profile_ = *std::move(profile);
  RecordLimits limits{pipeline_.max_record_bytes, pipeline_.max_key_bytes, pipeline_.max_depth};
  origin_ = Concat("car_trips ", options_.seed, " ", profile_->fingerprint, " ",
                   limits.max_record_bytes, " ", limits.max_key_bytes, " ", limits.max_depth);
  main_ = std::make_unique<GeneratedSource>(
      std::make_unique<CarTrips>(options_.seed, *profile_, limits), &checkpoint_.faults,
      options_.records);
  return absl::OkStatus();
}

absl::Status Simulator::PrepareFolder() {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error)
    return absl::InvalidArgumentError(Concat("--data-dir ", folder_, ": ", error.message()));
  const std::string lock = Concat(folder_, "/lock");
  lock_fd_ = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd_ < 0 || flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        Concat("another simulator uses ", folder_, "; stop it, or give another --data-dir"));
  }
  Spool::Options spool;
  spool.max_bytes = options_.spool_max_bytes;
  SLUICE_ASSIGN_OR_RETURN(spool_, Spool::Open(Concat(folder_, "/spool"), spool));
  published_ = std::make_unique<SpoolSource>(spool_.get());
  publisher_ = std::make_unique<Publisher>(
      spool_.get(),
      metrics::Registry::Process().Get(metrics::CounterId::kPublishedRecords, {pipeline_.name}));
  SLUICE_RETURN_IF_ERROR(publisher_->RememberSpooled());
  successes_ =
      std::make_unique<EventLog>(Concat(folder_, "/success.log"), kLogFileBytes, kLogFiles);
  failures_ = std::make_unique<EventLog>(Concat(folder_, "/failure.log"), kLogFileBytes, kLogFiles);
  return absl::OkStatus();
}

}  // namespace sluice::producer_simulator
