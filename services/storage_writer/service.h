#pragma once
// The wiring of sluice-storage-writer.

#include "service/service.h"

namespace sluice::storage_writer {

service::ServiceDefinition StorageWriter();

}  // namespace sluice::storage_writer
