#pragma once
// The wiring of sluice-qc.

#include "service/service.h"

namespace sluice::qc {

service::ServiceDefinition Qc();

}  // namespace sluice::qc
