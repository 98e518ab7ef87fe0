#pragma once
// Brings the records of the sources to Kafka, once each. Lives from one trouble to the next: when
// the outcome of a send is unknown, the delivery is thrown away, and a new one goes on from the
// checkpoint after reading the topic back.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kafka/producer.h"
#include "producer_simulator/checkpoint.h"
#include "producer_simulator/delivery_window.h"
#include "producer_simulator/event_log.h"
#include "producer_simulator/pacer.h"
#include "producer_simulator/record_source.h"
#include "producer_simulator/topic.h"
#include "producer_simulator/truth_file.h"
#include "producer_simulator/value_arena.h"

namespace sluice::producer_simulator {

/// What outlives a delivery. All pointers outlive it; all is used by the delivering thread only.
struct DeliveryContext {
  Topic* topic = nullptr;
  std::string checkpoint_path;
  Checkpoint* checkpoint = nullptr;  ///< as stored at checkpoint_path
  RecordSource* main = nullptr;      ///< null: there is only the spool
  RecordSource* published = nullptr;
  bool spread_evenly =
      false;  ///< the main source's records go to all partitions in turn, whatever their keys
  std::string truth_path;  ///< empty: no truth file is written
  EventLog* successes = nullptr;
  EventLog* failures = nullptr;
  Pacer* pacer = nullptr;
  /// Called when records have become part of the checkpoint.
  std::function<void(const DeliveryWindow::Chunk&)> on_done;
};

/// One thread.
class Delivery {
 public:
  /// Reads the topic back unless the checkpoint is clean, and rewinds the sources. `go_on` is asked
  /// now and then.
  static absl::StatusOr<std::unique_ptr<Delivery>> Open(const DeliveryContext& context,
                                                        const std::function<bool()>& go_on);

  /// Do what can be done now: take acknowledgements, store checkpoints, send what is due.
  /// `generate`: whether the main source may go on. An error that is retryable means: throw this
  /// delivery away and open another.
  absl::Status Step(absl::Time now, bool generate);
  /// When Step has something to do at the latest, were nothing to arrive.
  absl::Time NextStep(absl::Time now, bool generate) const;
  /// Sent, and acknowledged, and in the checkpoint: everything that may be sent.
  bool Settled(bool generate) const;
  /// Store that nothing is in flight. Only when nothing is.
  absl::Status StoreClean();

  /// The main source's records up to this one may have been sent: their content must not change.
  int64_t main_fixed_until() const;
  size_t in_flight() const { return window_.open(); }
  const std::map<int32_t, int64_t>& ends() const { return ends_; }

 private:
  explicit Delivery(const DeliveryContext& context) : context_(context) {}
  absl::Status ReadBackIfNeeded(const std::function<bool()>& go_on);
  absl::Status TakeAcknowledgements();
  absl::Status CloseAndCommit(absl::Time now, bool generate);
  void Commit(const DeliveryWindow::Chunk& chunk);
  void ForgetFound();
  /// Send records until there is none, the client is full, or it is time to look after the rest.
  absl::Status SendSome(absl::Time now, bool generate);
  /// The next record that may be sent, in `record_` and `sent_`. False: none now.
  absl::StatusOr<bool> NextRecord(absl::Time now, bool generate);
  /// False: the client is full.
  absl::StatusOr<bool> SendRecord(absl::Time now);
  int32_t PartitionOfRecord() const;
  void Refuse(uint64_t token, const absl::Status& why);
  bool MainHasMore(bool generate) const;
  std::string IdOf(const SentRecord& sent) const;
  ChunkEnd EndNow() const;

  DeliveryContext context_;
  std::unique_ptr<TruthFile> truth_;
  std::unique_ptr<kafka::Producer> producer_;
  DeliveryWindow window_;
  ValueArena arena_;
  int32_t partitions_ = 0;
  FoundRecords found_;               // in the topic, and not yet come by again
  int64_t found_until_ = 0;          // the highest number of the main source among them, plus one
  std::map<int32_t, int64_t> ends_;  // no record sent from now on lies before these
  Record record_;
  SentRecord sent_;
  std::optional<absl::Time> planned_;  // of record_
  bool pending_ = false;               // record_ waits to be sent
  bool published_passed_ = false;      // all that was spooled when this delivery began has come by
  bool published_idle_ = false;        // the spool had nothing more when it was asked last
  absl::Time chunk_begun_ = absl::InfinitePast();
  std::vector<kafka::Delivery> acknowledgements_;
};

}  // namespace sluice::producer_simulator
