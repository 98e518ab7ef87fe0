#include "ingest_validator/service.h"

int main(int argc, char** argv) {
  return sluice::service::RunService(argc, argv, sluice::ingest_validator::IngestValidator());
}
