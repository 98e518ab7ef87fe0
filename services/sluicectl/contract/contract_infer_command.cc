#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>

#include "base/status.h"
#include "contract/pipeline.h"
#include "sample/inference.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/contract/sample_flags.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

/// `orders` for data/orders.2024.ndjson, in letters that a name may have.
std::string NameOf(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  name.resize(std::min(name.find('.'), name.size()));
  name.resize(std::min<size_t>(name.size(), 40));
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name.find_first_not_of('_') == std::string::npos ? "sample" : name;
}

class ContractInferCommand : public Command {
 public:
  const char* name() const override { return "infer"; }
  const char* description() const override {
    return "Write a contract to begin with, from a sample of records";
  }
  void AddFlags(CLI::App& app) override {
    sample_.AddFlags(app, /*positional=*/true);
    app.add_option("--name", name_, "Of contract and table (default: the file's)")
        ->type_name("NAME");
    app.footer(
        "Types are the narrowest that hold all values; what is never missing or null is required;\n"
        "a text of few values gets a rule that warns of others. The sample passes `contract test`\n"
        "by it.\n"
        "Exit codes: 0 fine, 1 some records are no JSON objects at all, 2 the sample cannot be "
        "read.\n\n"
        "Examples:\n"
        "  sluicectl contract infer orders.ndjson > contract.odcs.yaml\n"
        "  sluicectl contract infer orders.csv --name orders\n"
        "  kcat -C -e -t raw_orders -c 10000 | sluicectl contract infer - --name orders");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    sample::InferenceOptions options;
    options.name = name_.empty() ? NameOf(sample_.path()) : name_;
    options.source = sample_.path() == "-"
                         ? "the standard input"
                         : std::filesystem::path(sample_.path()).filename().string();
    options.limits = record::LimitsOf(contract::PipelineConfig());
    SLUICE_ASSIGN_OR_RETURN(const auto sample,
                            sample_.Open(options.limits.max_record_bytes, nullptr));
    SLUICE_ASSIGN_OR_RETURN(const sample::Inference inference,
                            sample::InferContract(options, sample.get()));
    for (const sample::Example& example : inference.examples) {
      std::fprintf(stderr, "line %lld is no record of any contract: %s\n",
                   static_cast<long long>(example.line), example.value.value_or("").c_str());
    }
    if (inference.records == 0) {
      return absl::InvalidArgumentError(
          Concat(sample_.path(), " has no records to make a contract from"));
    }
    if (settings.format == Format::kJson) {
      Json left_out = Json::Array();
      for (const std::string& name : inference.left_out) left_out.Add(name);
      PrintLine(Json::Object()
                    .Set("contract", inference.contract)
                    .Set("records", inference.records)
                    .Set("unusable_records", inference.unusable)
                    .Set("left_out", std::move(left_out))
                    .Dump());
    } else {
      std::fwrite(inference.contract.data(), 1, inference.contract.size(), stdout);
    }
    return inference.unusable == 0 ? Outcome::kFine : Outcome::kFinding;
  }

 private:
  SampleFlags sample_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Command> MakeContractInferCommand() {
  return std::make_unique<ContractInferCommand>();
}

}  // namespace sluice::sluicectl
