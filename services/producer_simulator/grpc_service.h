#pragma once
// sluice.admin.v1.SimulatorService over the simulators of this process.

#include <memory>
#include <vector>

#include "producer_simulator/simulator.h"

namespace grpc {
class Service;
}

namespace sluice::producer_simulator {

/// The simulators must outlive the service.
std::unique_ptr<grpc::Service> MakeSimulatorService(std::vector<Simulator*> simulators);

}  // namespace sluice::producer_simulator
