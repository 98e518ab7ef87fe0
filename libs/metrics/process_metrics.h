#pragma once
// What every Prometheus client says about its process: CPU, memory, file descriptors, start time.
// Read from /proc when scraped. Not for use outside libs/metrics.

#include <prometheus/metric_family.h>

#include <vector>

namespace sluice::metrics {

void AppendProcessMetrics(std::vector<prometheus::MetricFamily>* families);

}  // namespace sluice::metrics
