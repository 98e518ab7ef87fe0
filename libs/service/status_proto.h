#pragma once
// The admin API's messages from what the runnables say.

#include "service/pipeline_control.h"
#include "sluice/admin/v1/pipeline.pb.h"

namespace sluice::service {

void ToProto(const PipelineStatus& status, admin::v1::PipelineStatus* message);
void ToProto(const TappedRecord& record, admin::v1::TapResponse* message);

}  // namespace sluice::service
