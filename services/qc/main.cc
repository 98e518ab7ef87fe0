#include "qc/service.h"

int main(int argc, char** argv) {
  return sluice::service::RunService(argc, argv, sluice::qc::Qc());
}
