#include "sluicectl/verify/partition_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "base/strings.h"

namespace sluice::sluicectl {
namespace {

using batch::Verdict;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::StartsWith;

template <typename T>
class VectorStream : public Stream<T> {
 public:
  explicit VectorStream(const std::vector<T>& elements) : elements_(elements) {}
  absl::StatusOr<const T*> Peek() override {
    return at_ < elements_.size() ? &elements_[at_] : nullptr;
  }
  void Pop() override { ++at_; }

 private:
  const std::vector<T>& elements_;
  size_t at_ = 0;
};

// One partition as Kafka, PostgreSQL and the truth file see it. Offsets 10..19, but 15 is a hole;
// ledger ranges [10, 14) and [14, 20). Offset 12 failed, 13 is corrupt, 16 a tombstone, 17 a dead
// letter, the others are clean.
struct World {
  World() {
    for (const int64_t offset : {10, 11, 12, 13, 14, 16, 17, 18, 19}) {
      source.push_back({offset, offset == 16, HashRecordId(Concat("r", offset))});
      const Verdict verdict = VerdictAt(offset);
      Promise promise{offset, HashRecordId(Concat("r", offset)), 0, 0, verdict};
      LandedRow row{0, offset, verdict, offset == 17, 0, 0};
      if (verdict == Verdict::kFailed) promise.rules = row.rules = words.Intern("too_fast");
      if (verdict == Verdict::kCorrupt) promise.reason = row.reason = words.Intern("invalid_json");
      truth.push_back(promise);
      if (verdict != Verdict::kTombstone) rows.push_back(row);
    }
    ledger.push_back(
        Range(10, 14, {{Verdict::kClean, 2}, {Verdict::kFailed, 1}, {Verdict::kCorrupt, 1}}));
    ledger.push_back(Range(14, 20, {{Verdict::kClean, 4}, {Verdict::kTombstone, 1}}));
    ledger[1].rejected = 1;
    ledger[1].rows[static_cast<size_t>(Verdict::kClean)] = 3;
    position = {"id", 10, 20};
  }

  static Verdict VerdictAt(int64_t offset) {
    if (offset == 12) return Verdict::kFailed;
    if (offset == 13) return Verdict::kCorrupt;
    return offset == 16 ? Verdict::kTombstone : Verdict::kClean;
  }

  static LedgerRange Range(int64_t first, int64_t next,
                           const std::vector<std::pair<Verdict, int64_t>>& counts) {
    LedgerRange range;
    range.first = first;
    range.next = next;
    for (const auto& [verdict, count] : counts) {
      range.verdicts[static_cast<size_t>(verdict)] = count;
      if (verdict != Verdict::kLost) range.records_read += count;
      if (verdict <= Verdict::kCorrupt) range.rows[static_cast<size_t>(verdict)] = count;
    }
    return range;
  }

  std::vector<std::string> Check() {
    VectorStream<SourceRecord> records(source);
    VectorStream<LandedRow> landed(rows);
    VectorStream<LedgerRange> ranges(ledger);
    Differences differences;
    proof = {};
    PartitionCheck check(
        {begin, compacted, position, &records, &landed, with_truth ? &truth : nullptr, &ranges},
        words, &proof, &differences);
    EXPECT_TRUE(check.Run().ok());
    return differences.Lines();
  }

  void EraseSource(int64_t offset) {
    std::erase_if(source, [&](const SourceRecord& record) { return record.offset == offset; });
  }
  void EraseRow(int64_t offset) {
    std::erase_if(rows, [&](const LandedRow& row) { return row.offset == offset; });
  }
  LandedRow& Row(int64_t offset) {
    return *std::find_if(rows.begin(), rows.end(),
                         [&](const LandedRow& row) { return row.offset == offset; });
  }
  Promise& PromiseOf(int64_t offset) {
    return *std::find_if(truth.begin(), truth.end(),
                         [&](const Promise& promise) { return promise.offset == offset; });
  }

  Vocabulary words;
  std::vector<SourceRecord> source;
  std::vector<LandedRow> rows;
  std::vector<Promise> truth;
  std::vector<LedgerRange> ledger;
  SinkPosition position;
  int64_t begin = 0;
  bool compacted = false;
  bool with_truth = true;
  PartitionProof proof;
};

TEST(PartitionCheckTest, WhatIsRightHasNoDifference) {
  for (const bool with_truth : {true, false}) {
    World world;
    world.with_truth = with_truth;
    EXPECT_THAT(world.Check(), IsEmpty());
    EXPECT_EQ(world.proof.records, 9);
    EXPECT_EQ(world.proof.verdicts["clean"], 6);
    EXPECT_EQ(world.proof.rejected, 1);
  }
}

struct Spoilt {
  const char* what;
  std::function<void(World&)> spoil;
  const char* expected;       // beginning of a line
  bool without_truth = true;  // whether it is found without a truth file too
};

class SpoiltTest : public ::testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltTest, IsFound) {
  for (const bool with_truth : {true, false}) {
    World world;
    world.with_truth = with_truth;
    GetParam().spoil(world);
    const std::vector<std::string> lines = world.Check();
    if (with_truth || GetParam().without_truth) {
      EXPECT_THAT(lines, Contains(StartsWith(GetParam().expected))) << GetParam().what;
    }
  }
}

const Spoilt kSpoilt[] = {
    {"row gone", [](World& w) { w.EraseRow(11); }, "missing: 0@11"},
    {"row gone where others have none", [](World& w) { w.EraseRow(18); },
     "ledger: partition 0 [14, 20): rows clean 3"},
    {"row gone, ledger changed along",
     [](World& w) {
       w.EraseRow(18);
       w.ledger[1] = World::Range(
           14, 20, {{Verdict::kClean, 3}, {Verdict::kDuplicate, 1}, {Verdict::kTombstone, 1}});
       w.ledger[1].rejected = 1;
       w.ledger[1].rows[1] = 2;
     },
     "verdict: 0@18 is in no table, not clean", false},
    {"row twice", [](World& w) { w.rows.insert(w.rows.begin(), w.rows[0]); },
     "landed more than once: 0@10"},
    {"row in two tables",
     [](World& w) {
       LandedRow copy = w.Row(12);
       copy.verdict = Verdict::kCorrupt;
       w.rows.insert(w.rows.begin() + 3, copy);
     },
     "landed more than once: 0@12"},
    {"row in a hole",
     [](World& w) {
       w.rows.insert(w.rows.begin() + 5, LandedRow{0, 15});
     },
     "made up: 0@15"},
    {"row before the origin",
     [](World& w) {
       w.rows.insert(w.rows.begin(), LandedRow{0, 3});
     },
     "before the origin: 0@3"},
    {"row beyond",
     [](World& w) {
       w.rows.push_back({0, 25});
     },
     "beyond the position: 0@25"},
    {"row in another table", [](World& w) { w.Row(11).verdict = Verdict::kFailed; },
     "ledger: partition 0 [10, 14)"},
    {"ledger range gone", [](World& w) { w.ledger.erase(w.ledger.begin()); },
     "ledger has a hole: partition 0 [10, 14)"},
    {"last ledger range gone", [](World& w) { w.ledger.pop_back(); },
     "ledger has a hole: partition 0 [14, 20)"},
    {"ledger overlaps", [](World& w) { w.ledger[1].first = 13; }, "ledger overlaps"},
    {"ledger does not balance", [](World& w) { ++w.ledger[0].records_read; },
     "ledger does not balance"},
    {"ledger counts otherwise",
     [](World& w) {
       --w.ledger[0].verdicts[static_cast<size_t>(Verdict::kClean)];
       ++w.ledger[0].verdicts[static_cast<size_t>(Verdict::kFailed)];
     },
     "ledger: partition 0 [10, 14): records clean 1"},
    {"dead letter gone", [](World& w) { w.EraseRow(17); },
     "ledger: partition 0 [14, 20): rejected 1"},
    {"position behind", [](World& w) { w.position.next = 19; }, "position: partition 0 is at 19"},
    {"position ahead", [](World& w) { w.position.next = 21; },
     "ledger has a hole: partition 0 [20, 21)"},
    {"position gone", [](World& w) { w.position = {}; },
     "position: partition 0 has a ledger but no position"},
    {"record waits",
     [](World& w) {
       w.source.push_back({20, false, 0});
     },
     "not finished: partition 0 is at 20"},
    {"record gone from Kafka", [](World& w) { w.EraseSource(18); }, "made up: 0@18"},
    {"record without truth", [](World& w) { w.truth.pop_back(); }, "no truth: 0@19", false},
    {"promise without record", [](World& w) { w.truth.push_back({33}); }, "not in Kafka: 0@33",
     false},
    {"other verdict", [](World& w) { w.PromiseOf(11).verdict = Verdict::kFailed; },
     "verdict: 0@11 is clean, not failed", false},
    {"other reason", [](World& w) { w.PromiseOf(13).reason = w.words.Intern("oversize"); },
     "reason: 0@13 has reason `invalid_json`, not `oversize`", false},
    {"other rules", [](World& w) { w.PromiseOf(12).rules = w.words.Intern("too_fast,too_hot"); },
     "rules: 0@12 breaks `too_fast`, not `too_fast,too_hot`", false},
    {"warning forgotten", [](World& w) { w.PromiseOf(11).rules = w.words.Intern("odd"); },
     "rules: 0@11 breaks ``", false},
    {"promised a row", [](World& w) { w.PromiseOf(16).verdict = Verdict::kClean; },
     "verdict: 0@16 is in no table", false},
    {"promised a null value", [](World& w) { w.source[5].null_value = false; },
     "verdict: 0@16 is a value, not tombstone", false},
    {"another record", [](World& w) { w.source[3].record_id_hash = HashRecordId("x"); },
     "record id: 0@13", false},
};
INSTANTIATE_TEST_SUITE_P(All, SpoiltTest, ::testing::ValuesIn(kSpoilt), [](const auto& info) {
  std::string name = info.param.what;
  std::erase_if(name, [](char c) { return !isalnum(static_cast<unsigned char>(c)); });
  return name;
});

TEST(PartitionCheckTest, WhatRetentionTookIsCountedOnly) {
  World world;
  world.begin = 13;
  for (const int64_t offset : {10, 11, 12}) world.EraseSource(offset);
  EXPECT_THAT(world.Check(), IsEmpty());
  EXPECT_EQ(world.proof.expired, 3);
  world.EraseRow(11);
  EXPECT_THAT(world.Check(), Contains(StartsWith("ledger: partition 0 [10, 14): rows clean 2")));
}

TEST(PartitionCheckTest, WhatCompactionTookIsCountedOnly) {
  for (const bool with_truth : {true, false}) {
    World world;
    world.compacted = true;
    world.with_truth = with_truth;
    world.EraseSource(11);  // read before
    world.EraseSource(18);  // never read: neither a row nor in the ledger
    world.EraseRow(18);
    world.ledger[1] = World::Range(14, 20, {{Verdict::kClean, 3}, {Verdict::kTombstone, 1}});
    world.ledger[1].rejected = 1;
    world.ledger[1].rows[static_cast<size_t>(Verdict::kClean)] = 2;
    EXPECT_THAT(world.Check(), IsEmpty());
    EXPECT_EQ(world.proof.expired, 1);
    world.EraseRow(12);
    EXPECT_THAT(world.Check(), Contains(StartsWith("ledger: partition 0 [10, 14): rows failed 1")));
  }
}

TEST(PartitionCheckTest, AnAcceptedLossIsNoDifference) {
  World world;
  world.begin = 25;
  for (int64_t offset = 25; offset < 27; ++offset) {
    world.source.push_back({offset, false, 0});
    world.rows.push_back({0, offset});
    world.truth.push_back({offset});
  }
  world.truth.insert(world.truth.end() - 2, Promise{22, 0, 0, 0, Verdict::kLost});
  world.ledger.push_back(World::Range(20, 25, {{Verdict::kLost, 5}}));
  world.ledger.push_back(World::Range(25, 27, {{Verdict::kClean, 2}}));
  world.position.next = 27;
  EXPECT_THAT(world.Check(), IsEmpty());
  EXPECT_EQ(world.proof.verdicts["lost"], 5);
}

TEST(PartitionCheckTest, AnEmptyPartitionIsFine) {
  World world;
  world.source.clear();
  world.rows.clear();
  world.truth.clear();
  world.ledger.clear();
  world.position = {};
  EXPECT_THAT(world.Check(), IsEmpty());
  world.source.push_back({0, false, 0});
  EXPECT_THAT(world.Check(), Contains(StartsWith("not finished")));
}

TEST(PartitionCheckTest, RowsOfTheNextPartitionAreLeftToIt) {
  World world;
  world.rows.push_back({1, 0});
  EXPECT_THAT(world.Check(), IsEmpty());
}

}  // namespace
}  // namespace sluice::sluicectl
