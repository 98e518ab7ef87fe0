#include "kafka/types.h"

#include "absl/strings/str_cat.h"

namespace sluice::kafka {

std::string TopicPartition::ToString() const { return absl::StrCat(topic, "/", partition); }

}  // namespace sluice::kafka
