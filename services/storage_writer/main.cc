#include "storage_writer/service.h"

int main(int argc, char** argv) {
  return sluice::service::RunService(argc, argv, sluice::storage_writer::StorageWriter());
}
