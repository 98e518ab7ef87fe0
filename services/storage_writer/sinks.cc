#include "storage_writer/sinks.h"

#include "base/strings.h"
#include "storage_writer/postgres_sink.h"

namespace sluice::storage_writer {

absl::StatusOr<SinkDefinition> FindSink(const service::CommonOptions& options,
                                        const contract::PipelineConfig& pipeline) {
  if (!pipeline.postgres) {
    return absl::InvalidArgumentError(
        Concat("pipeline ", pipeline.name, " has no sink: add one under `sinks`"));
  }
  const contract::PostgresSinkConfig& config = *pipeline.postgres;
  SinkDefinition definition;
  definition.name = config.name;
  definition.policy = {config.commit_rows, config.commit_bytes, config.commit_age};
  definition.make = [options, pipeline](const stage::Context& context) {
    PostgresSinkOptions postgres;
    postgres.connection.give_up_at_ms = context.give_up_at_ms;
    return PostgresSink::Create(pipeline, options.database_url, options.instance_id, postgres);
  };
  return definition;
}

}  // namespace sluice::storage_writer
