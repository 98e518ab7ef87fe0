#include "producer_simulator/service.h"

int main(int argc, char** argv) {
  return sluice::service::RunService(argc, argv, sluice::producer_simulator::ProducerSimulator());
}
