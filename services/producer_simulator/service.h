#pragma once
// The wiring of sluice-producer-simulator.

#include "service/service.h"

namespace sluice::producer_simulator {

service::ServiceDefinition ProducerSimulator();

}  // namespace sluice::producer_simulator
