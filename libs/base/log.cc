#include "base/log.h"

#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/strings.h"

namespace sluice::log {
namespace {

struct State {
  std::mutex mutex;  // one line at a time
  Format format = Format::kText;
  std::string service;
  std::string instance;
  std::function<void(std::string_view)> sink;
};

State& GetState() {
  static State* const state = new State;  // never destroyed: threads may log until the very end
  return *state;
}

std::atomic<int> g_level{static_cast<int>(Level::kInfo)};

// Length of the valid UTF-8 sequence at the begin of `text`; 0 when there is none.
size_t SequenceLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return length;
}

bool IsControl(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  // C1 controls drive terminals as much as C0 ones do.
  return sequence.size() == 2 && first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

// Appends `text` so that it is one line of valid UTF-8 without control characters, in a form that
// JSON understands too.
void AppendEscaped(std::string_view text, bool quote_quotes, std::string* out) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      out->append("\\ufffd");
      text.remove_prefix(1);
      continue;
    }
    const std::string_view sequence = text.substr(0, length);
    if (sequence == "\n") {
      out->append("\\n");
    } else if (IsControl(sequence)) {
      const auto last = static_cast<unsigned char>(sequence.back());
      absl::StrAppendFormat(out, "\\u%04x", last);
    } else if (quote_quotes && (sequence == "\"" || sequence == "\\")) {
      Append(out, "\\", sequence);
    } else {
      Append(out, sequence);
    }
    text.remove_prefix(length);
  }
}

void AppendQuoted(std::string_view text, std::string* out) {
  out->push_back('"');
  AppendEscaped(text, /*quote_quotes=*/true, out);
  out->push_back('"');
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;
  }
  return false;
}

void AppendText(std::string_view text, std::string* out) {
  if (NeedsQuotes(text)) {
    AppendQuoted(text, out);
  } else {
    AppendEscaped(text, /*quote_quotes=*/false, out);
  }
}

void AppendValue(Format format, const Value& value, std::string* out) {
  const auto append_text = [&](std::string_view text) {
    format == Format::kJson ? AppendQuoted(text, out) : AppendText(text, out);
  };
  struct Visitor {
    decltype(append_text)& text;
    Format format;
    std::string* out;
    void operator()(bool v) const { out->append(v ? "true" : "false"); }
    void operator()(int64_t v) const { Append(out, v); }
    void operator()(double v) const {
      if (format == Format::kJson && !std::isfinite(v)) return text(Concat(v));
      Append(out, v);
    }
    void operator()(std::string_view v) const { text(v); }
    void operator()(const std::string& v) const { text(v); }
  };
  std::visit(Visitor{append_text, format, out}, value.get());
}

std::string FormatTimestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

void AppendTextLine(Level level, std::string_view service, std::string_view message,
                    std::string* line) {
  absl::StrAppendFormat(line, " %-5s ", kLevelNames[static_cast<int>(level)]);
  if (!service.empty()) Append(line, service, ": ");
  AppendEscaped(message, /*quote_quotes=*/false, line);
}

void AppendJsonHead(Level level, std::string_view service, std::string_view instance,
                    std::string_view message, std::string* line) {
  Append(line, "\",\"level\":\"", kLevelNames[static_cast<int>(level)], "\",\"msg\":");
  AppendQuoted(message, line);
  line->append(",\"service\":");
  AppendQuoted(service, line);
  line->append(",\"instance\":");
  AppendQuoted(instance, line);
}

void WriteToStderr(std::string line) {
  line.push_back('\n');
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody reads: a log must not stop the process
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

void Emit(Level level, std::string_view message, Fields fields, int64_t suppressed) {
  if (!IsEnabled(level)) return;
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  std::string line = FormatLine(state.format, absl::Now(), level, state.service, state.instance,
                                message, fields, suppressed);
  if (state.sink) {
    state.sink(line);
  } else {
    WriteToStderr(std::move(line));
  }
}

}  // namespace

std::optional<Level> ParseLevel(std::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (name == kLevelNames[i]) return static_cast<Level>(i);
  }
  return std::nullopt;
}

std::optional<Format> ParseFormat(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "json") return Format::kJson;
  return std::nullopt;
}

void Configure(Format format, std::string_view service, std::string_view instance) {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  state.format = format;
  state.service = service;
  state.instance = instance;
}

void SetLevel(Level level) { g_level.store(static_cast<int>(level), std::memory_order_relaxed); }
Level GetLevel() { return static_cast<Level>(g_level.load(std::memory_order_relaxed)); }
bool IsEnabled(Level level) {
  return static_cast<int>(level) >= g_level.load(std::memory_order_relaxed);
}

std::string FormatLine(Format format, absl::Time time, Level level, std::string_view service,
                       std::string_view instance, std::string_view message, Fields fields,
                       int64_t suppressed) {
  const bool json = format == Format::kJson;
  std::string line = json ? Concat("{\"ts\":\"", FormatTimestamp(time)) : FormatTimestamp(time);
  if (json) {
    AppendJsonHead(level, service, instance, message, &line);
  } else {
    AppendTextLine(level, service, message, &line);
  }
  const auto append = [&](const Field& field) {
    if (json) {
      line.push_back(',');
      AppendQuoted(field.key, &line);
      line.push_back(':');
    } else {
      Append(&line, " ", field.key, "=");
    }
    AppendValue(format, field.value, &line);
  };
  for (const Field& field : fields) append(field);
  if (suppressed > 0) append(Field{"suppressed", suppressed});
  if (json) line.push_back('}');
  return line;
}

void Write(Level level, std::string_view message, Fields fields) {
  Emit(level, message, fields, 0);
}

std::optional<int64_t> Limiter::Admit(absl::Time now) {
  const int64_t now_ns = absl::ToUnixNanos(now);
  int64_t due = next_ns_.load(std::memory_order_relaxed);
  if (now_ns < due || !next_ns_.compare_exchange_strong(due, now_ns + interval_ns_)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return suppressed_.exchange(0, std::memory_order_relaxed);
}

void Limiter::Write(Level level, std::string_view message, Fields fields) {
  if (!IsEnabled(level)) return;
  if (const auto suppressed = Admit(absl::Now())) Emit(level, message, fields, *suppressed);
}

void SetSinkForTesting(std::function<void(std::string_view)> sink) {
  State& state = GetState();
  const std::lock_guard lock(state.mutex);
  state.sink = std::move(sink);
}

}  // namespace sluice::log
