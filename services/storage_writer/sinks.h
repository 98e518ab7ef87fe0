#pragma once
// Which sinks a pipeline asks for. A new sink is one implementation of stage::Sink and one entry in
// sinks.cc.

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "service/service.h"
#include "stage/context.h"
#include "stage/sink.h"
#include "storage_writer/sink_worker.h"

namespace sluice::storage_writer {

/// One sink of a pipeline, not yet connected.
struct SinkDefinition {
  std::string name;
  CommitPolicy policy;
  std::function<absl::StatusOr<std::unique_ptr<stage::Sink>>(const stage::Context&)> make;
};

/// The sink this process serves. kInvalidArgument when the pipeline has none.
absl::StatusOr<SinkDefinition> FindSink(const service::CommonOptions& options,
                                        const contract::PipelineConfig& pipeline);

}  // namespace sluice::storage_writer
