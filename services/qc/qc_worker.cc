#include "qc/qc_worker.h"

#include <algorithm>

#include "arrow/array.h"
#include "arrow/buffer.h"
#include "arrow/record_batch.h"
#include "base/log.h"
#include "base/status.h"
#include "batch/schema.h"
#include "qc/judgement.h"
#include "stage/topics.h"

namespace sluice::qc {

namespace {

// What an operator is told of an open breaker.
std::string ToDo(const batch::Breaker& breaker) {
  return Concat(Describe(breaker), "; sluicectl reset-breaker lets it pass");
}

// The rows with offsets before `next`.
std::shared_ptr<arrow::RecordBatch> RowsBefore(const arrow::RecordBatch& rows, batch::Offset next) {
  const auto* offsets = rows.column_data(batch::kOffset)->GetValues<int64_t>(1);
  return rows.Slice(0, std::lower_bound(offsets, offsets + rows.num_rows(), next) - offsets);
}

// The records of `coverage` that lie before `next`, as a batch of their own. `last` is what came
// before it: what the records behind know of time must not be said yet.
std::shared_ptr<arrow::RecordBatch> Head(const arrow::RecordBatch& rows, batch::Offset next,
                                         const std::optional<batch::Coverage>& last,
                                         batch::Coverage* coverage) {
  auto head = RowsBefore(rows, next);
  coverage->range.next = next;
  coverage->counts = batch::CountVerdicts(*head);
  coverage->watermark_us = last ? last->watermark_us : std::nullopt;
  coverage->newest_timestamp_ms = last ? last->newest_timestamp_ms : -1;
  const auto& timestamps =
      static_cast<const arrow::TimestampArray&>(*head->column(batch::kTimestamp));
  for (int64_t row = 0; row < head->num_rows(); ++row) {
    if (timestamps.IsValid(row))
      coverage->newest_timestamp_ms =
          std::max(coverage->newest_timestamp_ms, timestamps.Value(row));
  }
  return head;
}

}  // namespace

QcWorker::Judge::Judge(std::shared_ptr<const contract::Contract> contract)
    : evaluator(contract), counter(contract), encoder(contract) {}

QcWorker::QcWorker(const stage::Context& context)
    : context_(context),
      breaker_(context.pipeline.breaker),
      windows_(context.pipeline),
      input_(context, context.pipeline.InternalTopic(stage::kValidatedStage)),
      output_(context, context.pipeline.InternalTopic(stage::kCheckedStage), input_.topic()) {}

absl::Status QcWorker::Prepare() {
  auto input = context_.admin->Describe(input_.topic(), stage::kRequestTimeout);
  if (absl::IsNotFound(input.status())) {
    return absl::UnavailableError(
        Concat("the ingest-validator has not created the topic yet: ", input_.topic()));
  }
  SLUICE_RETURN_IF_ERROR(input.status());
  return stage::EnsureInternalTopic(*context_.admin, context_.pipeline, output_.topic(),
                                    input->partitions);
}

absl::StatusOr<kafka::Offset> QcWorker::Open(int32_t number, std::optional<int64_t> rewind_to) {
  const std::string group = context_.pipeline.ConsumerGroup(stage::kCheckedStage);
  SLUICE_ASSIGN_OR_RETURN(const auto input,
                          context_.admin->Describe(input_.topic(), stage::kRequestTimeout));
  SLUICE_RETURN_IF_ERROR(
      context_.admin->GrowTopic(output_.topic(), input.partitions, stage::kRequestTimeout));
  SLUICE_ASSIGN_OR_RETURN(const stage::BatchOutput::End end, output_.ReadEnd(number));
  if (end.last && end.last->breaker.IsOpen())
    return stage::BreakerOpenError(ToDo(end.last->breaker));
  SLUICE_ASSIGN_OR_RETURN(
      const auto committed,
      context_.admin->CommittedOffset(group, {input_.topic(), number}, stage::kRequestTimeout));
  // Anybody may set a group offset. One batch earlier, and an offset that is too late shows at
  // once, as a gap, for which the log is read from its begin.
  std::optional<kafka::Offset> hint;
  if (committed) hint = std::max<kafka::Offset>(committed->offset - 1, 0);
  std::optional<batch::Offset> next;
  if (end.last) {
    next = end.last->range.next;
  } else if (end.log.end > 0) {
    return absl::DataLossError(
        Concat("all judged batches of this partition have expired, and the consumer group does "
               "not remember the position: it is lost. Start a new generation (group ",
               group, ")"));
  }
  if (rewind_to && next && *rewind_to < *next) {
    next = std::max(*rewind_to, end.last->origin);
    hint.reset();  // it stands where the position was
  }
  Partition partition;
  if (end.last) {
    partition.last = end.last;
    partition.last->range.next = *next;
    partition.breaker = end.last->breaker;
    partition.windows = rules::OpenWindows::Of(end.last->open_window);
    // What was let pass once does not trip it when a repair emits it again.
    if (rewind_to) partition.breaker.next = std::max(partition.breaker.next, end.last->range.next);
  }
  SLUICE_ASSIGN_OR_RETURN(const kafka::Offset read_from,
                          OpenInput(number, partition, next, next ? hint : std::nullopt));
  partition.done = read_from;
  partitions_[number] = std::move(partition);
  if (end.last) {
    output_.Open(number, end.last->range.next, end.last);
    output_.emitter(number)->Rewind(*next);
  }
  return read_from;
}

// Reads on at `next`; where the open windows have to remember what lies before it, from there. The
// input offset to read from.
absl::StatusOr<kafka::Offset> QcWorker::OpenInput(int32_t number, Partition& partition,
                                                  std::optional<batch::Offset> next,
                                                  std::optional<kafka::Offset> hint) {
  const std::string topic_id = partition.last ? partition.last->topic_id : "";
  const batch::OpenWindow& open = partition.windows.counts;
  // After a rewind they begin anew.
  if (partition.last && partition.last->state_from && open.window.range.next == *next) {
    const kafka::Offset state_from = *partition.last->state_from;
    if (const auto again_from = windows_.CountAgainFrom(open)) {
      SLUICE_ASSIGN_OR_RETURN(const kafka::Offset read_from,
                              input_.Open(number, *again_from, topic_id, state_from));
      if (read_from == state_from) {
        log::Info("what open windows have to remember is read again", {{"topic", input_.topic()},
                                                                       {"partition", number},
                                                                       {"from", *again_from},
                                                                       {"to", *next}});
        partition.recall = Recall{{}, *next};
        return read_from;
      }
      log::Warn("the values that the open windows have seen have expired: they begin anew",
                {{"topic", input_.topic()}, {"partition", number}, {"offset", state_from}});
    }
    partition.windows = {};
    partition.last->state_from.reset();
  }
  return input_.Open(number, next, topic_id, hint);
}

// Count what was judged before once more, until the open windows remember the values they have
// seen.
absl::Status QcWorker::Remember(int32_t number, Partition& partition,
                                const stage::InputBatch& input) {
  const batch::Range& range = input.coverage.range;
  if (range.empty()) return absl::OkStatus();
  Recall& recall = *partition.recall;
  const batch::Offset next = std::min(range.next, recall.until);
  std::vector<batch::Window> closed;
  SLUICE_RETURN_IF_ERROR(windows_.Count(*RowsBefore(*input.rows, next), {range.first, next},
                                        input.internal_offset, &JudgeFor(input.contract).counter,
                                        &recall.counted, &closed));
  if (next < recall.until) return absl::OkStatus();
  auto windows =
      rules::MetricWindows::Remember(partition.windows.counts, std::move(recall.counted));
  if (!windows) {
    log::Error("the open windows were counted again, and not alike: they begin anew",
               {{"topic", input_.topic()}, {"partition", number}, {"next", next}});
    partition.last->state_from.reset();
  }
  partition.windows = windows ? *std::move(windows) : rules::OpenWindows{};
  partition.recall.reset();
  if (range.next == next) return absl::OkStatus();
  // The rest of this batch has not been judged yet.
  SLUICE_RETURN_IF_ERROR(
      input_.Open(number, next, partition.last->topic_id, input.internal_offset).status());
  return context_.read_from(number, input.internal_offset);
}

void QcWorker::Close(int32_t number) {
  const auto found = partitions_.find(number);
  if (found != partitions_.end()) {
    for (const Outgoing& outgoing : found->second.waiting) waiting_bytes_ -= outgoing.value->size();
    partitions_.erase(found);
  }
  input_.Close(number);
  output_.Close(number);
}

void QcWorker::Take(kafka::Message message) {
  const int32_t number = message.partition();
  Partition& partition = partitions_.at(number);
  // A fault is on its way, or waits for an acknowledgement, and this is read again.
  if (partition.failed || partition.breaker.IsOpen()) return;
  auto input = input_.Offer(std::move(message));
  if (!input.ok()) {
    Fail(number, partition, input.status());
    return;
  }
  if (!input->has_value()) return;
  if (partition.recall) {
    const absl::Status status = Remember(number, partition, **input);
    if (!status.ok()) Fail(number, partition, status);
    return;
  }
  // Without batches of our own so far, the first one read says where the pipeline began.
  if (!partition.last) output_.Open(number, (*input)->coverage.origin, std::nullopt);
  if (output_.emitter(number) == nullptr) return;  // has just failed: a fault is on its way
  if ((*input)->coverage.range.empty()) {
    const bool news = !partition.last || partition.last->contract != (*input)->coverage.contract;
    partition.last = (*input)->coverage;
    partition.last->state_from = partition.windows.ReadFrom();
    if (news) partition.last_sent = punctuate_at_ = absl::InfinitePast();
    return;
  }
  auto outgoing = Evaluate(*std::move(*input), partition);
  if (!outgoing.ok()) {
    Fail(number, partition, outgoing.status());
    return;
  }
  partition.last = outgoing->coverage;
  waiting_bytes_ += outgoing->value->size();
  partition.waiting.push_back(*std::move(outgoing));
  SendNext(number, partition);
}

absl::StatusOr<QcWorker::Outgoing> QcWorker::Evaluate(stage::InputBatch input,
                                                      Partition& partition) {
  Judge& judge = JudgeFor(input.contract);
  Outgoing outgoing;
  outgoing.coverage = std::move(input.coverage);
  outgoing.done = input.internal_offset + 1;
  std::shared_ptr<arrow::RecordBatch> rows = input.rows;
  if (rows->num_rows() > 0) {
    SLUICE_RETURN_IF_ERROR(judge.evaluator.Evaluate(*rows, &judge.outcome));
    rows = WithJudgement(*rows, judge.outcome);
    outgoing.coverage.counts = batch::CountVerdicts(*rows);
    for (size_t rule = 0; rule < judge.outcome.evaluated.size(); ++rule) {
      context_.metrics->RuleEvaluated(input.contract->rules[rule].id, judge.outcome.evaluated[rule],
                                      judge.outcome.failed[rule]);
    }
  }
  if (breaker_.Judge(*input.contract, *rows, judge.outcome, outgoing.coverage.range,
                     &partition.breaker)) {
    rows = Head(*rows, partition.breaker.next, partition.last, &outgoing.coverage);
    outgoing.done = input.internal_offset;  // the rest of it is not done with
  }
  outgoing.coverage.breaker = partition.breaker;
  if (!outgoing.coverage.range.empty()) {
    SLUICE_RETURN_IF_ERROR(windows_.Count(*rows, outgoing.coverage.range, input.internal_offset,
                                          &judge.counter, &partition.windows,
                                          &outgoing.coverage.closed_windows));
  }
  outgoing.coverage.open_window = partition.windows.counts;
  outgoing.coverage.state_from = partition.windows.ReadFrom();
  outgoing.contract = input.contract;
  context_.metrics->Received(outgoing.coverage.partition, batch::Total(outgoing.coverage.counts));
  context_.taps->Offer(*rows, *input.contract, outgoing.coverage.partition);
  SLUICE_ASSIGN_OR_RETURN(outgoing.value, judge.encoder.Encode(*rows));
  return outgoing;
}

QcWorker::Judge& QcWorker::JudgeFor(const std::shared_ptr<const contract::Contract>& contract) {
  std::unique_ptr<Judge>& judge = judges_[contract->content_hash];
  if (judge == nullptr) {
    judge = std::make_unique<Judge>(contract);
    context_.metrics->Rules(*contract);
  }
  return *judge;
}

void QcWorker::Fail(int32_t number, Partition& partition, const absl::Status& status) {
  partition.failed = true;
  faults_.push_back({number, status});
}

void QcWorker::Trip(int32_t number, Partition& partition) {
  const batch::Breaker& breaker = partition.breaker;
  context_.metrics->BreakerTripped(breaker.rule);
  Fail(number, partition, stage::BreakerOpenError(ToDo(breaker)));
}

void QcWorker::Measured(int32_t number, const batch::Coverage& coverage,
                        const contract::Contract& contract, const batch::Window& closed) {
  context_.metrics->MetricLateRecords(closed.late);
  for (size_t i = 0; i < contract.metrics.size(); ++i) {
    const contract::Metric& metric = contract.metrics[i];
    const double value = metric.Value(closed.counted[i], closed.rows, closed.read);
    context_.metrics->MetricMeasured(
        number, metric.id, value,
        coverage.IsJudged(closed, metric) && !metric.threshold.Holds(value));
  }
}

void QcWorker::SendNext(int32_t number, Partition& partition) {
  const batch::Emitter* emitter = output_.emitter(number);
  if (partition.failed || partition.waiting.empty()) return;
  if (emitter == nullptr || emitter->in_flight()) return;
  const absl::Status status =
      output_.Send(partition.waiting.front().coverage, partition.waiting.front().value);
  if (!status.ok()) Fail(number, partition, status);
  partition.sent_first = status.ok();
  partition.last_sent = absl::Now();
}

void QcWorker::Tick(absl::Time now, std::vector<stage::Fault>* faults) {
  std::vector<stage::BatchOutput::Acknowledged> acknowledged;
  output_.Poll(&acknowledged, faults);
  for (const auto& batch : acknowledged) {
    Partition& partition = partitions_.at(batch.partition);
    context_.metrics->ProduceDuration(batch.latency);
    if (partition.sent_first) {
      Outgoing& sent = partition.waiting.front();
      partition.verdicts += sent.coverage.counts;
      partition.done = sent.done;
      context_.metrics->Emitted(batch.partition, sent.coverage.counts);
      for (const batch::Window& closed : sent.coverage.closed_windows)
        Measured(batch.partition, sent.coverage, *sent.contract, closed);
      if (sent.coverage.breaker.IsOpen()) Trip(batch.partition, partition);
      waiting_bytes_ -= sent.value->size();
      partition.waiting.pop_front();
      partition.sent_first = false;
    }
    SendNext(batch.partition, partition);
  }
  if (now >= punctuate_at_) Punctuate(now);
  faults->insert(faults->end(), faults_.begin(), faults_.end());
  faults_.clear();
}

void QcWorker::Punctuate(absl::Time now) {
  punctuate_at_ = now + context_.pipeline.punctuation_interval / 4;
  for (auto& [number, partition] : partitions_) {
    const batch::Emitter* emitter = output_.emitter(number);
    const bool quiet = partition.waiting.empty() &&
                       now - partition.last_sent >= context_.pipeline.punctuation_interval;
    if (!quiet || emitter == nullptr || emitter->in_flight() || !partition.last) continue;
    if (partition.failed) continue;
    batch::Coverage coverage = *partition.last;
    coverage.range = {emitter->end(), emitter->end()};
    coverage.counts = {};
    coverage.lost = false;
    coverage.breaker = partition.breaker;
    coverage.open_window = partition.windows.counts;
    coverage.closed_windows.clear();
    auto value = Punctuation(coverage);
    const absl::Status status =
        value.ok() ? output_.Send(coverage, *std::move(value)) : value.status();
    if (!status.ok()) Fail(number, partition, status);
    partition.last_sent = now;
  }
}

absl::StatusOr<std::shared_ptr<arrow::Buffer>> QcWorker::Punctuation(
    const batch::Coverage& coverage) {
  const auto judge = judges_.find(coverage.contract.content_hash);
  if (judge == judges_.end()) {
    SLUICE_ASSIGN_OR_RETURN(auto contract, input_.FindContract(coverage.contract.content_hash));
    return JudgeFor(contract).encoder.EncodeEmpty();
  }
  return judge->second->encoder.EncodeEmpty();
}

absl::StatusOr<service::SeekResult> QcWorker::AcceptLoss(int32_t, bool) {
  return absl::FailedPreconditionError(
      "a loss is accepted where records are read first: send it to the ingest-validator");
}

absl::StatusOr<service::ReloadResult> QcWorker::ReloadContract() {
  return absl::FailedPreconditionError(
      "qc takes the contract from the batches: reload it at the ingest-validator");
}

absl::StatusOr<service::BreakerReset> QcWorker::ResetBreaker(
    int32_t number, const service::BreakerResetRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const stage::BatchOutput::End end, output_.ReadEnd(number));
  if (!end.last || !end.last->breaker.IsOpen())
    return absl::FailedPreconditionError("the breaker of this partition is not open any more");
  const batch::Breaker& open = end.last->breaker;
  if (request.at && *request.at != open.next) {
    return absl::FailedPreconditionError(Concat(
        "the breaker is open at another record now: expected=", *request.at, " found=", open.next));
  }
  const batch::Offset until = request.until.value_or(Breaker::DefaultUntil(open));
  if (until <= open.next) {
    return absl::InvalidArgumentError(Concat(
        "until must be behind the record that tripped it: until=", until, " at=", open.next));
  }
  const service::BreakerReset reset{open.next, until, batch::Describe(open)};
  if (request.dry_run) return reset;
  batch::Coverage coverage = *end.last;
  coverage.range.first = coverage.range.next;
  coverage.counts = {};
  coverage.lost = false;
  coverage.breaker = Breaker::Reset(open, until);
  coverage.closed_windows.clear();
  SLUICE_ASSIGN_OR_RETURN(auto value, Punctuation(coverage));
  SLUICE_RETURN_IF_ERROR(output_.SendAndWait(coverage, std::move(value)));
  log::Warn("an operator reset the breaker",
            {{"partition", number}, {"from", reset.from}, {"until", until}});
  return reset;
}

std::map<int32_t, kafka::OffsetAndMetadata> QcWorker::DoneOffsets() const {
  std::map<int32_t, kafka::OffsetAndMetadata> offsets;
  for (const auto& [number, read] : input_.DoneOffsets()) {
    const Partition& partition = partitions_.at(number);
    if (partition.recall) continue;  // what is read now was done with before
    // What was read but is not acknowledged is not done with.
    const bool all = partition.waiting.empty() && !partition.breaker.IsOpen();
    offsets[number] = {all ? read : partition.done, output_.Note(number)};
  }
  return offsets;
}

void QcWorker::Describe(int32_t number, service::PartitionStatus* status) const {
  const auto found = partitions_.find(number);
  if (found == partitions_.end()) return;
  input_.Describe(number, status);
  if (const batch::Emitter* emitter = output_.emitter(number)) status->next = emitter->end();
  for (int i = 0; i < batch::kVerdictCount; ++i) {
    status->verdicts[std::string(batch::kVerdictNames[static_cast<size_t>(i)])] =
        found->second.verdicts[static_cast<size_t>(i)];
  }
}

}  // namespace sluice::qc
