#include "storage_writer/service.h"

#include "base/status.h"
#include "stage/stage_loop.h"
#include "stage/topics.h"
#include "storage_writer/sink_worker.h"
#include "storage_writer/sinks.h"

namespace sluice::storage_writer {
namespace {

absl::StatusOr<std::unique_ptr<service::Runnable>> Build(const service::CommonOptions& options,
                                                         const contract::PipelineConfig& pipeline) {
  SLUICE_ASSIGN_OR_RETURN(auto contract, contract::LoadContract(pipeline.contract_path));
  SLUICE_RETURN_IF_ERROR(contract::CheckPipeline(pipeline, *contract));
  SLUICE_ASSIGN_OR_RETURN(const SinkDefinition sink, FindSink(options, pipeline));
  stage::StageDefinition definition;
  definition.stage = sink.name;
  definition.input_topic = pipeline.InternalTopic(stage::kCheckedStage);
  definition.group = pipeline.ConsumerGroup(sink.name);
  definition.make_worker =
      [contract,
       sink](const stage::Context& context) -> absl::StatusOr<std::unique_ptr<stage::Worker>> {
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<stage::Sink> made, sink.make(context));
    return std::make_unique<SinkWorker>(context, std::move(made), sink.policy, contract);
  };
  return std::make_unique<stage::StageLoop>(options, pipeline, std::move(definition));
}

}  // namespace

service::ServiceDefinition StorageWriter() {
  service::ServiceDefinition definition;
  definition.name = "storage-writer";
  definition.description =
      "Lands judged batches in a sink, with the position in the same transaction.";
  definition.port_digit = 4;
  definition.needs_database = true;
  definition.build = Build;
  return definition;
}

}  // namespace sluice::storage_writer
