#pragma once
// What `status` and `top` show of the processes.

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "sluicectl/operate/process.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {

/// Records per second since the last call, per endpoint, pipeline, stage and partition.
class RateMeter {
 public:
  /// Take a look at the processes at `now`.
  void Sample(const std::vector<Process>& processes, absl::Time now);
  /// nullopt before the second sample.
  std::optional<double> Rate(const Target& target, int32_t partition) const;

 private:
  using Key = std::tuple<std::string, std::string, std::string, int32_t>;
  struct Point {
    int64_t records = 0;
    std::optional<double> rate;
  };
  std::map<Key, Point> points_;
  absl::Time sampled_at_ = absl::InfinitePast();
};

/// Only pipelines of that name, all when it is empty. One row per partition. `rates` may be null.
Table StatusTable(std::vector<Process>& processes, const std::string& pipeline,
                  const RateMeter* rates);
Json StatusJson(std::vector<Process>& processes, const std::string& pipeline);

/// Whether something needs an operator: a partition stopped or with a gap, a failed pipeline, or an
/// endpoint that was asked for by name and does not answer.
bool NeedsOperator(const std::vector<Process>& processes, const Settings& settings,
                   const std::string& pipeline);

}  // namespace sluice::sluicectl
