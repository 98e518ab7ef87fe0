#include "batch/wire.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "arrow/api.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/dictionary.h"
#include "arrow/ipc/message.h"
#include "arrow/ipc/options.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "base/status.h"
#include "batch/arrow_status.h"
#include "batch/schema.h"
#include "sluice/wire/v1/coverage.pb.h"

namespace sluice::batch {
namespace {

// An IPC stream ends with the continuation marker and a zero length.
constexpr char kEndOfStream[8] = {'\xff', '\xff', '\xff', '\xff', 0, 0, 0, 0};

arrow::ipc::IpcWriteOptions WriteOptions() {
  arrow::ipc::IpcWriteOptions options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  return options;
}

arrow::ipc::IpcReadOptions ReadOptions() {
  arrow::ipc::IpcReadOptions options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  // Kafka hands out values at any address.
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  return options;
}

/// A view of bytes that somebody else owns.
class OwnedBuffer : public arrow::Buffer {
 public:
  OwnedBuffer(std::string_view bytes, std::shared_ptr<const void> owner)
      : arrow::Buffer(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int64_t>(bytes.size())),
        owner_(std::move(owner)) {}

 private:
  std::shared_ptr<const void> owner_;
};

/// Variable-width offsets must rise and stay inside the values: Arrow itself checks only the ends.
template <typename ArrayType>
bool OffsetsRise(const arrow::Array& array) {
  const int32_t* offsets = static_cast<const ArrayType&>(array).raw_value_offsets();
  bool rises = offsets[0] >= 0;
  for (int64_t i = 0; i < array.length(); ++i) rises &= offsets[i + 1] >= offsets[i];
  return rises;
}

bool OffsetsAreSound(const arrow::Array& array) {
  if (array.length() == 0) return true;
  switch (array.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return OffsetsRise<arrow::BinaryArray>(array);
    case arrow::Type::LIST:
      return OffsetsRise<arrow::ListArray>(array) &&
             OffsetsAreSound(*static_cast<const arrow::ListArray&>(array).values());
    default:
      return true;
  }
}

absl::Status CheckRows(const arrow::RecordBatch& rows, const Coverage& coverage) {
  SLUICE_RETURN_IF_ERROR(FromArrow(rows.Validate()));
  for (const auto& column : rows.columns()) {
    if (!OffsetsAreSound(*column))
      return absl::InvalidArgumentError("a variable-width column has offsets that fall");
  }
  const auto& offsets = static_cast<const arrow::Int64Array&>(*rows.column(kOffset));
  const auto& verdicts = static_cast<const arrow::UInt8Array&>(*rows.column(kVerdict));
  const auto& reasons = static_cast<const arrow::DictionaryArray&>(*rows.column(kReason));
  const auto& indices = static_cast<const arrow::Int8Array&>(*reasons.indices());
  if (offsets.null_count() != 0 || verdicts.null_count() != 0) {
    return absl::InvalidArgumentError("_offset or _verdict is null");
  }
  if (coverage.lost && rows.num_rows() != 0)
    return absl::InvalidArgumentError("a lost range has rows");
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    const Offset offset = offsets.Value(i);
    const Offset last = i == 0 ? coverage.range.first : offsets.Value(i - 1);
    if (offset < last || offset >= coverage.range.next) {
      return absl::InvalidArgumentError(
          absl::StrCat("_offset is outside the coverage or out of order: ", offset));
    }
    if (verdicts.Value(i) >= kVerdictCount) return absl::InvalidArgumentError("unknown verdict");
    if (i > 0 && offset == last && verdicts.Value(i) != verdicts.Value(i - 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a record has two verdicts: _offset ", offset));
    }
    if (indices.IsValid(i) &&
        (indices.Value(i) < 0 || indices.Value(i) >= reasons.dictionary()->length())) {
      return absl::InvalidArgumentError("unknown reason");
    }
  }
  if (!coverage.lost && CountVerdicts(rows) != coverage.counts) {
    return absl::InvalidArgumentError("the header's counts are not those of the rows");
  }
  return absl::OkStatus();
}

/// A batch whose first bytes are not ours: written by an earlier build (fewer reasons) or by
/// another Arrow.
absl::StatusOr<std::shared_ptr<arrow::RecordBatch>> DecodeForeign(
    std::shared_ptr<arrow::Buffer> bytes, const arrow::Schema& schema) {
  SLUICE_ASSIGN_OR_RETURN(
      auto reader,
      FromArrow(arrow::ipc::RecordBatchStreamReader::Open(
          std::make_shared<arrow::io::BufferReader>(std::move(bytes)), ReadOptions())));
  if (!reader->schema()->Equals(schema, /*check_metadata=*/false)) {
    return absl::InvalidArgumentError("the value is no batch of this contract: its schema differs");
  }
  std::shared_ptr<arrow::RecordBatch> rows;
  SLUICE_RETURN_IF_ERROR(FromArrow(reader->ReadNext(&rows)));
  if (rows == nullptr) return absl::InvalidArgumentError("the value holds no record batch");
  const arrow::Array& reasons =
      *static_cast<const arrow::DictionaryArray&>(*rows->column(kReason)).dictionary();
  SLUICE_RETURN_IF_ERROR(FromArrow(reasons.ValidateFull()));
  if (reasons.length() > kReasonCount ||
      !ReasonDictionary()->Slice(0, reasons.length())->Equals(reasons)) {
    return absl::InvalidArgumentError("the value names reasons that this build does not know");
  }
  return rows;
}

absl::StatusOr<Breaker> DecodeBreaker(const wire::v1::Breaker& proto) {
  static_assert(static_cast<int>(Breaker::Cause::kRule) == wire::v1::BREAKER_CAUSE_RULE);
  static_assert(static_cast<int>(Breaker::Cause::kFailureRate) ==
                wire::v1::BREAKER_CAUSE_FAILURE_RATE);
  if (proto.next() < 0 || proto.window() < 0 || proto.failures() < 0 ||
      proto.failures() > proto.window() || proto.window() > INT64_MAX - proto.next() ||
      !wire::v1::BreakerCause_IsValid(proto.open()) ||
      (proto.open() == wire::v1::BREAKER_CAUSE_FAILURE_RATE && proto.window() == 0)) {
    return absl::InvalidArgumentError("no such breaker");
  }
  return Breaker{proto.next(), proto.window(), proto.failures(),
                 static_cast<Breaker::Cause>(proto.open()), proto.rule()};
}

void EncodeWindow(const Window& window, wire::v1::Window* proto) {
  proto->set_first(window.range.first);
  proto->set_next(window.range.next);
  proto->set_read(window.read);
  proto->set_rows(window.rows);
  for (const int64_t counted : window.counted) proto->add_counted(counted);
  proto->set_start_us(window.start_us);
  proto->set_late(window.late);
  proto->set_saturated(window.saturated);
}

void EncodeOpenWindow(const OpenWindow& open, wire::v1::OpenWindow* proto) {
  proto->set_size(open.size);
  proto->set_contract_hash(open.contract_hash);
  EncodeWindow(open.window, proto->mutable_window());
  if (!open.time) return;
  wire::v1::TimeWindows* time = proto->mutable_time();
  time->set_size_us(open.time->size_us);
  time->set_delay_us(open.time->delay_us);
  time->set_column(open.time->column);
  if (open.time->newest_us) time->set_newest_us(*open.time->newest_us);
  if (open.time->whole_from_us) time->set_whole_from_us(*open.time->whole_from_us);
  for (const Window& window : open.time->windows) EncodeWindow(window, time->add_windows());
}

// Microseconds of times and of sizes lie well inside of this, so that sums of a few do not
// overflow.
bool IsTime(int64_t micros) { return -(INT64_MAX >> 3) <= micros && micros <= INT64_MAX >> 3; }

absl::StatusOr<Window> DecodeWindow(const wire::v1::Window& proto) {
  const auto within = [&](int64_t counted) { return 0 <= counted && counted <= proto.rows(); };
  if (proto.first() < 0 || proto.next() < proto.first() || proto.rows() < 0 ||
      proto.read() < proto.rows() || proto.late() < 0 || !IsTime(proto.start_us()) ||
      !std::all_of(proto.counted().begin(), proto.counted().end(), within)) {
    return absl::InvalidArgumentError("no such window");
  }
  return Window{{proto.first(), proto.next()},
                proto.read(),
                proto.rows(),
                {proto.counted().begin(), proto.counted().end()},
                proto.start_us(),
                proto.late(),
                proto.saturated()};
}

absl::StatusOr<TimeWindows> DecodeTimeWindows(const wire::v1::TimeWindows& proto) {
  TimeWindows time{proto.size_us(), proto.delay_us(), proto.column(), {}, {}, {}};
  if (proto.has_newest_us()) time.newest_us = proto.newest_us();
  if (proto.has_whole_from_us()) time.whole_from_us = proto.whole_from_us();
  if (time.size_us <= 0 || time.delay_us < 0 || !IsTime(time.size_us) || !IsTime(time.delay_us) ||
      !IsTime(time.newest_us.value_or(0)) || !IsTime(time.whole_from_us.value_or(0)) ||
      proto.windows_size() > kMaxTimeWindows ||
      time.newest_us.has_value() == proto.windows().empty())
    return absl::InvalidArgumentError("no such windows of event time");
  for (const wire::v1::Window& open : proto.windows()) {
    SLUICE_ASSIGN_OR_RETURN(Window window, DecodeWindow(open));
    if (window.start_us % time.size_us != 0 ||
        (!time.windows.empty() && window.start_us <= time.windows.back().start_us))
      return absl::InvalidArgumentError("the open windows do not ascend");
    time.windows.push_back(std::move(window));
  }
  return time;
}

absl::Status DecodeClosedWindows(const wire::v1::Coverage& proto, Coverage* coverage) {
  const std::optional<TimeWindows>& time = coverage->open_window.time;
  Offset last = coverage->range.first;
  int64_t last_start_us = INT64_MIN;
  for (const wire::v1::Window& closed : proto.closed_windows()) {
    SLUICE_ASSIGN_OR_RETURN(Window window, DecodeWindow(closed));
    // One record closes one window of offsets, or any number of windows of event time.
    const bool ascends = !time || coverage->closed_windows.empty()
                             ? window.range.next > last
                             : window.range.next >= last && window.start_us > last_start_us;
    if (!ascends || window.range.next > coverage->range.next || window.range.empty())
      return absl::InvalidArgumentError("a window does not end in the range");
    if (time && window.start_us % time->size_us != 0)
      return absl::InvalidArgumentError("a window does not begin at a multiple of its size");
    last = window.range.next;
    last_start_us = window.start_us;
    coverage->closed_windows.push_back(std::move(window));
  }
  return absl::OkStatus();
}

absl::Status DecodeWindows(const wire::v1::Coverage& proto, Coverage* coverage) {
  const wire::v1::OpenWindow& open = proto.open_window();
  const bool none = open.size() == 0 && !open.has_time();
  if (open.size() < 0 || (open.size() != 0 && open.has_time()) ||
      (none && proto.closed_windows_size() > 0))
    return absl::InvalidArgumentError("no such window");
  SLUICE_ASSIGN_OR_RETURN(Window window, DecodeWindow(open.window()));
  coverage->open_window = {open.size(), open.contract_hash(), std::move(window), std::nullopt};
  if (open.has_time()) {
    SLUICE_ASSIGN_OR_RETURN(coverage->open_window.time, DecodeTimeWindows(open.time()));
  }
  return DecodeClosedWindows(proto, coverage);
}

}  // namespace

std::string EncodeCoverage(const Coverage& coverage) {
  wire::v1::Coverage proto;
  proto.set_pipeline(coverage.pipeline);
  proto.set_generation(coverage.generation);
  proto.set_topic(coverage.topic);
  proto.set_topic_id(coverage.topic_id);
  proto.set_partition(coverage.partition);
  proto.set_first(coverage.range.first);
  proto.set_next(coverage.range.next);
  proto.set_origin(coverage.origin);
  for (int64_t count : coverage.counts) proto.add_counts(count);
  proto.set_lost(coverage.lost);
  proto.set_contract_version(coverage.contract.version);
  proto.set_contract_hash(coverage.contract.content_hash);
  if (coverage.watermark_us) proto.set_watermark_us(*coverage.watermark_us);
  proto.set_idle(coverage.idle);
  if (coverage.newest_timestamp_ms >= 0)
    proto.set_newest_timestamp_ms(coverage.newest_timestamp_ms);
  if (coverage.state_from) proto.set_state_from(*coverage.state_from);
  if (const Breaker& breaker = coverage.breaker; breaker != Breaker{}) {
    proto.mutable_breaker()->set_next(breaker.next);
    proto.mutable_breaker()->set_window(breaker.window);
    proto.mutable_breaker()->set_failures(breaker.failures);
    proto.mutable_breaker()->set_open(static_cast<wire::v1::BreakerCause>(breaker.open));
    proto.mutable_breaker()->set_rule(breaker.rule);
  }
  if (coverage.open_window != OpenWindow{})
    EncodeOpenWindow(coverage.open_window, proto.mutable_open_window());
  for (const Window& closed : coverage.closed_windows)
    EncodeWindow(closed, proto.add_closed_windows());
  return proto.SerializeAsString();
}

absl::StatusOr<Coverage> DecodeCoverage(std::string_view bytes) {
  wire::v1::Coverage proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a coverage");
  }
  Coverage coverage;
  coverage.pipeline = proto.pipeline();
  coverage.generation = proto.generation();
  coverage.topic = proto.topic();
  coverage.topic_id = proto.topic_id();
  coverage.partition = proto.partition();
  coverage.range = {proto.first(), proto.next()};
  coverage.origin = proto.origin();
  if (proto.counts_size() > kVerdictCount)
    return absl::InvalidArgumentError("counts of unknown verdicts");
  std::copy(proto.counts().begin(), proto.counts().end(), coverage.counts.begin());
  coverage.lost = proto.lost();
  coverage.contract = {proto.contract_version(), proto.contract_hash()};
  if (proto.has_watermark_us()) coverage.watermark_us = proto.watermark_us();
  coverage.idle = proto.idle();
  if (proto.has_newest_timestamp_ms()) {
    coverage.newest_timestamp_ms = proto.newest_timestamp_ms();
    if (coverage.newest_timestamp_ms < 0) return absl::InvalidArgumentError("no such timestamp");
  }
  if (proto.has_state_from()) {
    coverage.state_from = proto.state_from();
    if (*coverage.state_from < 0) return absl::InvalidArgumentError("no such offset of the input");
  }

  const Range range = coverage.range;
  if (coverage.topic.empty() || coverage.partition < 0 || range.first < 0 ||
      range.next < range.first) {
    return absl::InvalidArgumentError("no such range");
  }
  int64_t room = range.next - range.first;
  for (int64_t count : coverage.counts) {
    if (count < 0 || count > room) return absl::InvalidArgumentError("counts do not fit the range");
    room -= count;
  }
  const int64_t lost = coverage.counts[static_cast<size_t>(Verdict::kLost)];
  if (lost != (coverage.lost ? range.next - range.first : 0)) {
    return absl::InvalidArgumentError("a lost range is lost as a whole");
  }
  SLUICE_ASSIGN_OR_RETURN(coverage.breaker, DecodeBreaker(proto.breaker()));
  SLUICE_RETURN_IF_ERROR(DecodeWindows(proto, &coverage));
  return coverage;
}

Counts CountVerdicts(const arrow::RecordBatch& rows) {
  Counts counts{};
  const auto& offsets = static_cast<const arrow::Int64Array&>(*rows.column(kOffset));
  const auto& verdicts = static_cast<const arrow::UInt8Array&>(*rows.column(kVerdict));
  Offset last = -1;
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    if (offsets.Value(i) == last) continue;
    last = offsets.Value(i);
    ++counts[verdicts.Value(i)];
  }
  return counts;
}

struct Encoder::State {
  std::shared_ptr<arrow::Schema> schema;
  std::string prefix;  // schema and dictionary messages
  arrow::ipc::DictionaryMemo memo;
};

Encoder::Encoder(std::shared_ptr<const contract::Contract> contract)
    : contract_(std::move(contract)), state_(std::make_unique<State>()) {
  state_->schema = BatchSchema(*contract_);
  const arrow::ipc::DictionaryFieldMapper mapper(*state_->schema);
  constexpr int64_t kReasonDictionaryId = 0;
  (void)state_->memo.fields().AddSchemaFields(*state_->schema);
  (void)state_->memo.AddDictionary(kReasonDictionaryId, ReasonDictionary()->data());

  // None of this can fail but for want of memory: schema and dictionary are our own.
  auto sink = *arrow::io::BufferOutputStream::Create();
  arrow::ipc::IpcPayload payload;
  int32_t metadata_length = 0;
  (void)arrow::ipc::GetSchemaPayload(*state_->schema, WriteOptions(), mapper, &payload);
  (void)arrow::ipc::WriteIpcPayload(payload, WriteOptions(), sink.get(), &metadata_length);
  arrow::ipc::IpcPayload dictionary;
  (void)arrow::ipc::GetDictionaryPayload(kReasonDictionaryId, ReasonDictionary(), WriteOptions(),
                                         &dictionary);
  (void)arrow::ipc::WriteIpcPayload(dictionary, WriteOptions(), sink.get(), &metadata_length);
  state_->prefix = (*sink->Finish())->ToString();
}

Encoder::~Encoder() = default;

const std::shared_ptr<arrow::Schema>& Encoder::schema() const { return state_->schema; }

absl::StatusOr<std::shared_ptr<arrow::Buffer>> Encoder::Encode(const arrow::RecordBatch& rows) {
  const arrow::ipc::IpcWriteOptions options = WriteOptions();
  arrow::ipc::IpcPayload payload;
  SLUICE_RETURN_IF_ERROR(FromArrow(arrow::ipc::GetRecordBatchPayload(rows, options, &payload)));
  const int64_t size = static_cast<int64_t>(state_->prefix.size()) +
                       arrow::ipc::GetPayloadSize(payload, options) +
                       static_cast<int64_t>(sizeof(kEndOfStream));
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> buffer,
                          FromArrow(arrow::AllocateBuffer(size)));
  arrow::io::FixedSizeBufferWriter writer(buffer);
  int32_t metadata_length = 0;
  SLUICE_RETURN_IF_ERROR(
      FromArrow(writer.Write(state_->prefix.data(), static_cast<int64_t>(state_->prefix.size()))));
  SLUICE_RETURN_IF_ERROR(
      FromArrow(arrow::ipc::WriteIpcPayload(payload, options, &writer, &metadata_length)));
  SLUICE_RETURN_IF_ERROR(FromArrow(writer.Write(kEndOfStream, sizeof(kEndOfStream))));
  return buffer;
}

absl::StatusOr<std::shared_ptr<arrow::Buffer>> Encoder::EncodeEmpty() {
  SLUICE_ASSIGN_OR_RETURN(const auto none,
                          FromArrow(arrow::RecordBatch::MakeEmpty(state_->schema)));
  return Encode(*none);
}

Decoder::Decoder(std::shared_ptr<const contract::Contract> contract)
    : encoder_(std::move(contract)) {}
Decoder::~Decoder() = default;

absl::StatusOr<std::shared_ptr<arrow::RecordBatch>> Decoder::Decode(
    std::string_view bytes, std::shared_ptr<const void> owner, const Coverage& coverage) {
  const std::string& prefix = encoder_.state_->prefix;
  std::shared_ptr<arrow::RecordBatch> rows;
  if (bytes.substr(0, prefix.size()) == prefix) {
    auto buffer = std::make_shared<OwnedBuffer>(bytes.substr(prefix.size()), std::move(owner));
    arrow::io::BufferReader stream(buffer);
    SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<arrow::ipc::Message> message,
                            FromArrow(arrow::ipc::ReadMessage(&stream)));
    if (message == nullptr) return absl::InvalidArgumentError("the value holds no record batch");
    SLUICE_ASSIGN_OR_RETURN(
        rows, FromArrow(arrow::ipc::ReadRecordBatch(*message, encoder_.schema(),
                                                    &encoder_.state_->memo, ReadOptions())));
  } else {
    SLUICE_ASSIGN_OR_RETURN(
        rows,
        DecodeForeign(std::make_shared<OwnedBuffer>(bytes, std::move(owner)), *encoder_.schema()));
  }
  SLUICE_RETURN_IF_ERROR(CheckRows(*rows, coverage));
  for (const Window& closed : coverage.closed_windows) {
    if (closed.counted.size() != contract().metrics.size())
      return absl::InvalidArgumentError("a window has not measured the metrics of the contract");
  }
  return rows;
}

absl::StatusOr<std::shared_ptr<arrow::RecordBatch>> Decoder::Trim(const arrow::RecordBatch& rows,
                                                                  Offset next, Coverage* coverage) {
  const auto& offsets = static_cast<const arrow::Int64Array&>(*rows.column(kOffset));
  const int64_t* begin = offsets.raw_values();
  const int64_t keep_from = std::lower_bound(begin, begin + rows.num_rows(), next) - begin;
  coverage->range.first = next;
  std::erase_if(coverage->closed_windows,
                [&](const Window& closed) { return closed.range.next <= next; });
  if (coverage->lost) {
    coverage->counts[static_cast<size_t>(Verdict::kLost)] = coverage->range.next - next;
    return rows.Slice(0);
  }
  if (keep_from == 0) return rows.Slice(0);
  // Written and read again, the slice starts at array offset 0, as everybody downstream may assume.
  SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<arrow::Buffer> encoded,
                          encoder_.Encode(*rows.Slice(keep_from)));
  const std::string_view bytes(reinterpret_cast<const char*>(encoded->data()),
                               static_cast<size_t>(encoded->size()));
  coverage->counts = CountVerdicts(*rows.Slice(keep_from));
  return Decode(bytes, encoded, *coverage);
}

}  // namespace sluice::batch
