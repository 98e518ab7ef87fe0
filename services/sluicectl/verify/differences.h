#pragma once
// What a proof finds wrong: all of it counted, the first few of each kind in full.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sluice::sluicectl {

class Differences {
 public:
  explicit Differences(int64_t shown_per_kind = 10) : shown_per_kind_(shown_per_kind) {}

  /// `kind` names the sort of finding, such as "missing row"; `detail` where and what.
  void Add(const std::string& kind, const std::string& detail);
  int64_t count() const { return count_; }
  /// `kind: detail`, and one line per kind about those left out.
  std::vector<std::string> Lines() const;

 private:
  struct Kind {
    int64_t count = 0;
    std::vector<std::string> details;
  };
  const int64_t shown_per_kind_;
  int64_t count_ = 0;
  std::map<std::string, Kind> kinds_;
};

}  // namespace sluice::sluicectl
