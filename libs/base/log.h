#pragma once
// Structured log lines on stderr: a constant message plus named values.
//   log::Warn("sink does not answer", {{"sink", name}, {"retry_in", wait}, {"error", status}});
// As text (one line for people) or JSON (one object a line). Never log record payloads or secrets.
// Any thread may call.
//
// Written here rather than taken from a logging library: the fields and their escaping are the
// point, and what remains is one write(2) a line, so that nothing is buffered when the process is
// killed.

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace sluice::log {

enum class Level : int { kDebug = 0, kInfo, kWarn, kError };
inline constexpr const char* kLevelNames[] = {"debug", "info", "warn", "error"};
std::optional<Level> ParseLevel(std::string_view name);

enum class Format { kText, kJson };
std::optional<Format> ParseFormat(std::string_view name);

/// A field's value. Text is referred to, not copied: it must live until the call returns.
class Value {
 public:
  Value(bool value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  Value(T value) : value_(static_cast<int64_t>(value)) {}  // NOLINT(google-explicit-constructor)
  Value(double value) : value_(value) {}                   // NOLINT(google-explicit-constructor)
  Value(const char* value)
      : value_(std::string_view(value)) {}          // NOLINT(google-explicit-constructor)
  Value(std::string_view value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  Value(const std::string& value)
      : value_(std::string_view(value)) {}  // NOLINT(google-explicit-constructor)
  Value(absl::Duration value)
      : value_(absl::FormatDuration(value)) {}  // NOLINT(google-explicit-constructor)
  Value(const absl::Status& value)
      : value_(value.ToString()) {}  // NOLINT(google-explicit-constructor)

  using Variant = std::variant<bool, int64_t, double, std::string_view, std::string>;
  const Variant& get() const { return value_; }

 private:
  Variant value_;
};

struct Field {
  std::string_view key;  ///< snake_case; not ts, level, msg, service or instance
  Value value;
};
using Fields = std::initializer_list<Field>;

/// What every line of the process carries. Call once, before the threads start.
void Configure(Format format, std::string_view service, std::string_view instance);
/// Lines below `level` are not written. At any time, from any thread. The default is kInfo.
void SetLevel(Level level);
Level GetLevel();
bool IsEnabled(Level level);

void Write(Level level, std::string_view message, Fields fields);
inline void Debug(std::string_view message, Fields fields = {}) {
  if (IsEnabled(Level::kDebug)) Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, Fields fields = {}) {
  Write(Level::kInfo, message, fields);
}
inline void Warn(std::string_view message, Fields fields = {}) {
  Write(Level::kWarn, message, fields);
}
inline void Error(std::string_view message, Fields fields = {}) {
  Write(Level::kError, message, fields);
}

/// For what may happen many times a second: at most one line per interval, with the number left out
/// in between as the field `suppressed`. One object per place (a static or a member). Any thread.
class Limiter {
 public:
  explicit Limiter(absl::Duration interval = absl::Seconds(10))
      : interval_ns_(absl::ToInt64Nanoseconds(interval)) {}

  void Warn(std::string_view message, Fields fields = {}) { Write(Level::kWarn, message, fields); }
  void Info(std::string_view message, Fields fields = {}) { Write(Level::kInfo, message, fields); }
  void Write(Level level, std::string_view message, Fields fields);

  /// Whether a line may be written at `now`; if so, how many were left out before it.
  std::optional<int64_t> Admit(absl::Time now);

 private:
  const int64_t interval_ns_;
  std::atomic<int64_t> next_ns_{INT64_MIN};
  std::atomic<int64_t> suppressed_{0};
};

/// Lines go to `sink` (without the newline) instead of stderr; null: stderr again. For tests.
void SetSinkForTesting(std::function<void(std::string_view)> sink);
/// One line, without the newline.
std::string FormatLine(Format format, absl::Time time, Level level, std::string_view service,
                       std::string_view instance, std::string_view message, Fields fields,
                       int64_t suppressed = 0);

}  // namespace sluice::log
