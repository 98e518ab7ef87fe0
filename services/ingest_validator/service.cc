#include "ingest_validator/service.h"

#include "base/status.h"
#include "ingest_validator/validate_worker.h"
#include "stage/stage_loop.h"
#include "stage/topics.h"

namespace sluice::ingest_validator {
namespace {

absl::StatusOr<std::unique_ptr<service::Runnable>> Build(const service::CommonOptions& options,
                                                         const contract::PipelineConfig& pipeline) {
  SLUICE_ASSIGN_OR_RETURN(auto contract, contract::LoadContract(pipeline.contract_path));
  SLUICE_RETURN_IF_ERROR(contract::CheckPipeline(pipeline, *contract));
  stage::StageDefinition definition;
  definition.stage = stage::kValidatedStage;
  definition.input_topic = pipeline.source_topic;
  definition.group = pipeline.ConsumerGroup(stage::kValidatedStage);
  definition.consumer.gather = pipeline.batch_age;
  definition.make_worker =
      [contract](const stage::Context& context) -> absl::StatusOr<std::unique_ptr<stage::Worker>> {
    return std::make_unique<ValidateWorker>(context, contract);
  };
  return std::make_unique<stage::StageLoop>(options, pipeline, std::move(definition));
}

}  // namespace

service::ServiceDefinition IngestValidator() {
  service::ServiceDefinition definition;
  definition.name = "ingest-validator";
  definition.description =
      "Reads JSON records from the source topic, checks each against the contract's schema, and "
      "writes columnar batches.";
  definition.port_digit = 2;
  definition.build = Build;
  return definition;
}

}  // namespace sluice::ingest_validator
