#include "contract/lint.h"

#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "contract/text_file.h"
#include "contract/yaml_document.h"

namespace sluice::contract {
namespace {

void Append(std::vector<Problem> more, std::vector<Problem>* problems) {
  std::move(more.begin(), more.end(), std::back_inserter(*problems));
}

std::vector<Problem> LintPipeline(std::string_view text, const std::string& file) {
  std::vector<Problem> problems;
  const std::optional<PipelineConfig> pipeline = ReadPipeline(text, file, &problems);
  if (!pipeline.has_value()) return problems;
  const absl::StatusOr<std::string> body = ReadTextFile(pipeline->contract_path);
  if (!body.ok()) {
    const auto [line, column] = pipeline->places.at("contract");
    problems.push_back({Problem::Severity::kError, file, line, column,
                        Concat("\"contract\": ", StdView(body.status().message())), "not-found"});
    return problems;
  }
  std::vector<Problem> of_contract;
  const auto contract = CompileContract(*body, pipeline->contract_path, &of_contract);
  if (contract != nullptr) Append(PipelineProblems(*pipeline, *contract), &problems);
  Append(std::move(of_contract), &problems);
  return problems;
}

bool IsPipelineText(std::string_view text) {
  Diagnostics ignored("");
  const std::optional<YamlNode> root = ParseYaml(text, &ignored);
  return root.has_value() && root->Find("pipeline") != nullptr &&
         root->Find("apiVersion") == nullptr && root->Find("kind") == nullptr;
}

}  // namespace

bool IsPipeline(const std::string& path) {
  const std::string file = PipelineFile(path);
  const absl::StatusOr<std::string> text = ReadTextFile(file);
  return text.ok() && (file != path || IsPipelineText(*text));
}

absl::StatusOr<std::vector<Problem>> Lint(const std::string& path) {
  const std::string file = PipelineFile(path);
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file));
  if (file != path || IsPipelineText(text)) return LintPipeline(text, file);
  std::vector<Problem> problems;
  (void)CompileContract(text, file, &problems);
  return problems;
}

}  // namespace sluice::contract
