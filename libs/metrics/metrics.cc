#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>

#include "base/log.h"
#include "metrics/process_metrics.h"

namespace sluice::metrics {
namespace {

prometheus::Labels MakeLabels(const Declaration& declaration, const LabelValues& values) {
  if (values.size() != declaration.label_count()) {
    log::Error("metric asked for with the wrong number of labels",
               {{"metric", declaration.name},
                {"wanted", declaration.label_count()},
                {"given", values.size()}});
    std::abort();
  }
  prometheus::Labels labels;
  for (size_t i = 0; i < values.size(); ++i) labels[std::string(declaration.labels[i])] = values[i];
  return labels;
}

template <typename Family>
using FamilyList = std::vector<prometheus::Family<Family>*>;

template <typename Id, typename Build, typename Metric>
void AddFamilies(Build build, prometheus::Registry& registry, FamilyList<Metric>* families) {
  for (size_t i = 0; i < static_cast<size_t>(Id::kCount); ++i) {
    const Declaration& declaration = Declare(static_cast<Id>(i));
    families->push_back(&build()
                             .Name(std::string(declaration.name))
                             .Help(std::string(declaration.help))
                             .Register(registry));
  }
}

}  // namespace

struct Registry::Families {
  prometheus::Registry registry;
  FamilyList<prometheus::Counter> counters;
  FamilyList<prometheus::Gauge> gauges;
  FamilyList<prometheus::Histogram> histograms;
};

void Counter::Increment(int64_t by) const {
  if (counter_ != nullptr && by > 0) counter_->Increment(static_cast<double>(by));
}
int64_t Counter::Value() const {
  return counter_ == nullptr ? 0 : static_cast<int64_t>(counter_->Value());
}

void Gauge::Set(double value) const {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::Add(double by) const {
  if (gauge_ != nullptr) gauge_->Increment(by);
}
double Gauge::Value() const { return gauge_ == nullptr ? 0 : gauge_->Value(); }

void Histogram::Observe(double value, int64_t times) const {
  if (histogram_ == nullptr || times <= 0) return;
  if (times == 1) return histogram_->Observe(value);
  const std::vector<double>& buckets = Buckets(id_);
  std::vector<double> increments(buckets.size() + 1, 0.0);
  const auto bucket = std::lower_bound(buckets.begin(), buckets.end(), value) - buckets.begin();
  increments[static_cast<size_t>(bucket)] = static_cast<double>(times);
  histogram_->ObserveMultiple(increments, value * static_cast<double>(times));
}

Registry::Registry() : families_(std::make_unique<Families>()) {
  AddFamilies<CounterId>(prometheus::BuildCounter, families_->registry, &families_->counters);
  AddFamilies<GaugeId>(prometheus::BuildGauge, families_->registry, &families_->gauges);
  AddFamilies<HistogramId>(prometheus::BuildHistogram, families_->registry, &families_->histograms);
}

Registry::~Registry() = default;

Registry& Registry::Process() {
  static Registry* const registry =
      new Registry;  // never destroyed: handles live until the very end
  return *registry;
}

Counter Registry::Get(CounterId id, const LabelValues& labels) {
  return Counter(
      &families_->counters[static_cast<size_t>(id)]->Add(MakeLabels(Declare(id), labels)));
}

Gauge Registry::Get(GaugeId id, const LabelValues& labels) {
  return Gauge(&families_->gauges[static_cast<size_t>(id)]->Add(MakeLabels(Declare(id), labels)));
}

Histogram Registry::Get(HistogramId id, const LabelValues& labels) {
  return Histogram(&families_->histograms[static_cast<size_t>(id)]->Add(
                       MakeLabels(Declare(id), labels), Buckets(id)),
                   id);
}

void Registry::Remove(GaugeId id, const LabelValues& labels) {
  prometheus::Family<prometheus::Gauge>* const family = families_->gauges[static_cast<size_t>(id)];
  const prometheus::Labels series = MakeLabels(Declare(id), labels);
  if (family->Has(series)) family->Remove(&family->Add(series));
}

std::string Registry::Serialize() const {
  std::vector<prometheus::MetricFamily> families = families_->registry.Collect();
  AppendProcessMetrics(&families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sluice::metrics
