#pragma once
// How librdkafka fares, as metrics of the process (metrics/declarations.h, sluice_kafka_*). Not for
// use outside libs/kafka.

#include <string_view>

#include "kafka/rdkafka_compat.h"

namespace sluice::kafka::internal {

/// What clients are there for: the label `client`.
enum class Role { kProducer, kGroupMember };

/// Have the client of `conf` count every five seconds. What it says waits in its queue, so this is
/// only for clients whose queue is served whatever happens: a reader's is not, while its stage is
/// full.
void CountStatistics(rd_kafka_conf_t* conf, Role role);

/// One report of the client `name`, librdkafka's statistics as JSON. Counters go on where the
/// client's last report ended. Any thread.
void TakeStatistics(Role role, std::string_view name, std::string_view json);

}  // namespace sluice::kafka::internal
