#include "qc/service.h"

#include "qc/qc_worker.h"
#include "stage/stage_loop.h"
#include "stage/topics.h"

namespace sluice::qc {
namespace {

absl::StatusOr<std::unique_ptr<service::Runnable>> Build(const service::CommonOptions& options,
                                                         const contract::PipelineConfig& pipeline) {
  stage::StageDefinition definition;
  definition.stage = stage::kCheckedStage;
  definition.input_topic = pipeline.InternalTopic(stage::kValidatedStage);
  definition.group = pipeline.ConsumerGroup(stage::kCheckedStage);
  definition.make_worker =
      [](const stage::Context& context) -> absl::StatusOr<std::unique_ptr<stage::Worker>> {
    return std::make_unique<QcWorker>(context);
  };
  return std::make_unique<stage::StageLoop>(options, pipeline, std::move(definition));
}

}  // namespace

service::ServiceDefinition Qc() {
  service::ServiceDefinition definition;
  definition.name = "qc";
  definition.description = "Judges every record by the contract's rules, cell by cell.";
  definition.port_digit = 3;
  definition.build = Build;
  return definition;
}

}  // namespace sluice::qc
