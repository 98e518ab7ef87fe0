// Any bytes as a sample, NDJSON or CSV: refused with a reason, or a contract that is inferred from
// them lints clean and accepts them.

#include <sys/mman.h>
#include <unistd.h>

#include "base/strings.h"
#include "record/case_file.h"
#include "sample/inference.h"
#include "sample/trial.h"
#include "seeds.h"
#include "target.h"

namespace sluice::fuzz {
namespace {

/// The bytes behind a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("sample", 0)) {
    FUZZ_PROMISE(fd_ >= 0);
    FUZZ_PROMISE(write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { close(fd_); }
  std::string path() const { return Concat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

void Check(const sample::Inference& inference, const std::string& path, sample::Options options) {
  std::vector<contract::Problem> problems;
  const auto contract = contract::CompileContract(inference.contract, "f", &problems);
  FUZZ_PROMISE(problems.empty(), contract::ToString(problems));
  options.contract = contract.get();
  const auto sample = sample::OpenSample(path, options);
  FUZZ_PROMISE(sample.ok());
  const auto table = sample::TryContract(contract, sample::TrialOptions{}, sample->get());
  FUZZ_PROMISE(table.ok());
  FUZZ_PROMISE(table->Count(batch::Verdict::kClean) == inference.records, inference.contract);
  FUZZ_PROMISE(table->Count(batch::Verdict::kCorrupt) == inference.unusable, inference.contract);
}

}  // namespace

/// The first byte says which format the others are.
std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = ReadFolder("tests/data/sluicectl", ".txtar");
  std::string hostile;
  for (const record::HostileRecord& record : record::ReadHostileRecords()) {
    const std::string value = record.value.value_or("");
    if (value.size() < 500 && hostile.size() < kMaxInputBytes / 2) Append(&hostile, value, "\n");
  }
  seeds.push_back(hostile);
  for (const char* file :
       {"tests/data/json/nested_cases.txt", "tests/data/json/arrays_of_objects_cases.txt"}) {
    std::string records;
    for (const record::Case& c : record::ReadCases(file)) {
      const std::string value = record::Expand(c.text.substr(0, c.text.rfind(" =>")));
      if (value.size() < 500 && records.size() < kMaxInputBytes / 2) Append(&records, value, "\n");
    }
    seeds.push_back(records);
  }
  seeds.push_back("a,b\n1,\"x\"\"y\"\n2.5,\n");
  std::vector<std::string> both;
  for (const std::string& seed : seeds) {
    both.push_back("n" + seed);
    both.push_back("c" + seed);
  }
  return both;
}

}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  if (size == 0 || size > fuzz::kMaxInputBytes) return 0;
  const fuzz::MemoryFile file(fuzz::View(data, size).substr(1));
  sample::Options options;
  options.format = data[0] % 2 == 0 ? sample::Format::kNdjson : sample::Format::kCsv;
  const auto opened = sample::OpenSample(file.path(), options);
  if (!opened.ok()) {
    FUZZ_PROMISE(absl::IsInvalidArgument(opened.status()));
    return 0;
  }
  const auto inference = sample::InferContract({}, opened->get());
  if (!inference.ok()) {
    FUZZ_PROMISE(absl::IsInvalidArgument(inference.status()));
  } else if (inference->records > 0) {
    fuzz::Check(*inference, file.path(), options);
  }
  return 0;
}
