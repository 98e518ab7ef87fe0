#include "kafka/statistics.h"

#include <simdjson.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "metrics/metrics.h"

namespace sluice::kafka::internal {
namespace {

using metrics::CounterId;
using metrics::GaugeId;

constexpr char kEvery[] = "5000";  // milliseconds
// A client that has said nothing for so long is gone.
constexpr absl::Duration kForgetAfter = absl::Minutes(5);

const char* Name(Role role) { return role == Role::kProducer ? "producer" : "group"; }

// What a report says, over all brokers.
struct Report {
  int64_t requests = 0;
  int64_t errors = 0;
  int64_t disconnects = 0;
  int64_t waiting = 0;
  double round_trip_seconds = 0;
};

int64_t Integer(const simdjson::dom::element& object, const char* key) {
  int64_t value = 0;
  return object[key].get(value) == simdjson::SUCCESS ? value : 0;
}

Report Read(const simdjson::dom::element& root) {
  Report report;
  report.waiting = Integer(root, "msg_cnt");
  simdjson::dom::object brokers;
  if (root["brokers"].get(brokers) != simdjson::SUCCESS) return report;
  for (const auto& [name, broker] : brokers) {
    report.requests += Integer(broker, "tx");
    report.errors +=
        Integer(broker, "txerrs") + Integer(broker, "rxerrs") + Integer(broker, "req_timeouts");
    report.disconnects += Integer(broker, "disconnects");
    simdjson::dom::element round_trip;
    if (broker["rtt"].get(round_trip) != simdjson::SUCCESS) continue;
    report.round_trip_seconds =
        std::max(report.round_trip_seconds, static_cast<double>(Integer(round_trip, "avg")) * 1e-6);
  }
  return report;
}

// The clients of the process, so that counters only ever rise though clients come and go.
class Clients {
 public:
  static Clients& OfProcess() {
    static Clients* const clients = new Clients;
    return *clients;
  }

  // The series exist from the start.
  void Announce(Role role) {
    const std::lock_guard lock(mutex_);
    for (const CounterId id :
         {CounterId::kKafkaRequests, CounterId::kKafkaRequestErrors, CounterId::kKafkaDisconnects})
      metrics::Registry::Process().Get(id, {Name(role)});
    Publish(role);
  }

  void Take(Role role, const std::string& name, std::string_view json) {
    const std::lock_guard lock(mutex_);
    simdjson::dom::element root;
    if (parser_.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return;
    const Report report = Read(root);
    const absl::Time now = absl::Now();
    std::erase_if(clients_,
                  [&](const auto& client) { return client.second.at < now - kForgetAfter; });
    Client& client = clients_[name];
    metrics::Registry& registry = metrics::Registry::Process();
    const auto count = [&](CounterId id, int64_t before, int64_t total) {
      registry.Get(id, {Name(role)}).Increment(std::max<int64_t>(0, total - before));
    };
    count(CounterId::kKafkaRequests, client.report.requests, report.requests);
    count(CounterId::kKafkaRequestErrors, client.report.errors, report.errors);
    count(CounterId::kKafkaDisconnects, client.report.disconnects, report.disconnects);
    client = {role, report, now};
    Publish(role);
  }

 private:
  struct Client {
    Role role = Role::kProducer;
    Report report;
    absl::Time at;
  };

  void Publish(Role role) {
    int64_t waiting = 0;
    double round_trip_seconds = 0;
    for (const auto& [name, client] : clients_) {
      if (client.role != role) continue;
      waiting += client.report.waiting;
      round_trip_seconds = std::max(round_trip_seconds, client.report.round_trip_seconds);
    }
    metrics::Registry& registry = metrics::Registry::Process();
    registry.Get(GaugeId::kKafkaWaitingMessages, {Name(role)}).Set(static_cast<double>(waiting));
    registry.Get(GaugeId::kKafkaRoundTrip, {Name(role)}).Set(round_trip_seconds);
  }

  std::mutex mutex_;
  simdjson::dom::parser parser_;
  std::map<std::string, Client> clients_;  // by librdkafka's name of the client
};

template <Role role>
int OnStatistics(rd_kafka_t* client, char* json, size_t size, void*) {
  TakeStatistics(role, rd_kafka_name(client), {json, size});
  return 0;  // the text stays librdkafka's
}

}  // namespace

void CountStatistics(rd_kafka_conf_t* conf, Role role) {
  // A user's own interval stands; 0, librdkafka's default, is what nobody asks for.
  char interval[16] = "0";
  size_t size = sizeof(interval);
  rd_kafka_conf_get(conf, "statistics.interval.ms", interval, &size);
  if (std::string_view(interval) == "0")
    rd_kafka_conf_set(conf, "statistics.interval.ms", kEvery, nullptr, 0);
  Clients::OfProcess().Announce(role);
  rd_kafka_conf_set_stats_cb(conf, role == Role::kProducer ? &OnStatistics<Role::kProducer>
                                                           : &OnStatistics<Role::kGroupMember>);
}

void TakeStatistics(Role role, std::string_view name, std::string_view json) {
  Clients::OfProcess().Take(role, std::string(name), json);
}

}  // namespace sluice::kafka::internal
