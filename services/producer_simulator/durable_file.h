#pragma once
// What it takes that bytes are still there after a power cut. Every error names the file;
// kResourceExhausted: the disk is full, else kUnavailable.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::producer_simulator {

/// All of `bytes` at `offset` of an open file.
absl::Status WriteAt(int fd, std::string_view bytes, int64_t offset, const std::string& path);
/// fdatasync.
absl::Status SyncData(int fd, const std::string& path);
/// Make the names in a folder durable.
absl::Status SyncFolder(const std::string& folder);
/// Replace the file at `path` as a whole: afterwards it is the old one or the new one, whatever
/// happens.
absl::Status ReplaceFile(const std::string& path, std::string_view bytes);

}  // namespace sluice::producer_simulator
