#pragma once
// The wiring of sluice-ingest-validator.

#include "service/service.h"

namespace sluice::ingest_validator {

service::ServiceDefinition IngestValidator();

}  // namespace sluice::ingest_validator
