#pragma once
// Counting. A handle is a pointer to one series, fetched once and kept; using it costs an atomic
// addition.
//   metrics::Counter batches = registry.Get(CounterId::kBatches, {pipeline, stage, "3"});
//   batches.Increment();
// Asking for a series creates it at 0. Handles and the registry may be used from any thread.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "metrics/declarations.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace sluice::metrics {

/// Default-constructed handles count nothing. Handles must not outlive their registry.
class Counter {
 public:
  Counter() = default;
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void Increment(int64_t by = 1) const;
  int64_t Value() const;

 private:
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void Set(double value) const;
  void Add(double by) const;
  double Value() const;

 private:
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  Histogram(prometheus::Histogram* histogram, HistogramId id) : histogram_(histogram), id_(id) {}
  /// `times` observations of the same value for the price of one.
  void Observe(double value, int64_t times = 1) const;
  void Observe(absl::Duration value, int64_t times = 1) const {
    Observe(absl::ToDoubleSeconds(value), times);
  }

 private:
  prometheus::Histogram* histogram_ = nullptr;
  HistogramId id_ = HistogramId::kCount;
};

/// One value per declared label, in the declared order. Another number of values is a defect: the
/// process aborts.
using LabelValues = std::vector<std::string>;

/// The series of one process. A process has one (see Process); tests make their own.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The registry that the process's endpoint serves.
  static Registry& Process();

  Counter Get(CounterId id, const LabelValues& labels);
  Gauge Get(GaugeId id, const LabelValues& labels);
  Histogram Get(HistogramId id, const LabelValues& labels);

  /// A closed set at once, all at 0: one counter per value of the last label, in the order of
  /// `values`; `labels` are the others. For example kRecords with {pipeline, stage, "3"} and
  /// kVerdictNames.
  template <typename Values>
  std::vector<Counter> GetAll(CounterId id, LabelValues labels, const Values& values) {
    std::vector<Counter> counters;
    labels.emplace_back();
    for (const auto& value : values) {
      labels.back() = std::string(value);
      counters.push_back(Get(id, labels));
    }
    return counters;
  }

  /// Take a gauge's series away, such as the lag of a partition that went to another process. Its
  /// handles are invalid then.
  void Remove(GaugeId id, const LabelValues& labels);

  /// The text format that Prometheus scrapes.
  std::string Serialize() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace sluice::metrics
