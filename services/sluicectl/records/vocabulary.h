#pragma once
// Texts that occur often (reasons, sets of rules), kept once and compared as numbers.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice::sluicectl {

class Vocabulary {
 public:
  using Id = uint32_t;

  Vocabulary() { Intern(""); }
  /// The number of `text`; the empty text is 0.
  Id Intern(std::string_view text) {
    const auto [entry, added] = ids_.try_emplace(std::string(text), static_cast<Id>(texts_.size()));
    if (added) texts_.push_back(entry->first);
    return entry->second;
  }
  const std::string& Text(Id id) const { return texts_[id]; }

 private:
  std::unordered_map<std::string, Id> ids_;
  std::vector<std::string> texts_;
};

}  // namespace sluice::sluicectl
