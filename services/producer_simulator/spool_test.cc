#include "producer_simulator/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "producer_simulator/temporary_folder_for_test.h"

namespace sluice::producer_simulator {
namespace {

using ::testing::ElementsAre;

std::unique_ptr<Spool> OpenSpool(const TemporaryFolder& folder, int64_t segment_bytes = 1 << 20) {
  Spool::Options options;
  options.segment_bytes = segment_bytes;
  absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Open(folder.File("spool"), options);
  EXPECT_TRUE(spool.ok()) << spool.status();
  return *std::move(spool);
}

std::vector<std::string> ReadAll(Spool& spool, Spool::Position at) {
  std::vector<std::string> payloads;
  std::string payload;
  while (true) {
    const absl::StatusOr<bool> found = spool.Read(&at, &payload);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok() || !*found) return payloads;
    payloads.push_back(payload);
  }
}

TEST(SpoolTest, GivesBackWhatWasAppendedInOrder) {
  TemporaryFolder folder;
  const std::unique_ptr<Spool> spool = OpenSpool(folder);
  EXPECT_THAT(ReadAll(*spool, spool->Begin()), ElementsAre());
  EXPECT_EQ(*spool->Append({"a", ""}), 0);
  EXPECT_EQ(*spool->Append({std::string(100'000, 'x')}), 2);
  EXPECT_EQ(spool->next_record(), 3);
  EXPECT_THAT(ReadAll(*spool, spool->Begin()), ElementsAre("a", "", std::string(100'000, 'x')));
}

TEST(SpoolTest, IsThereAfterARestart) {
  TemporaryFolder folder;
  ASSERT_TRUE(OpenSpool(folder)->Append({"a", "b"}).ok());
  const std::unique_ptr<Spool> spool = OpenSpool(folder);
  EXPECT_EQ(spool->next_record(), 2);
  EXPECT_EQ(*spool->Append({"c"}), 2);
  EXPECT_THAT(ReadAll(*spool, spool->Begin()), ElementsAre("a", "b", "c"));
}

TEST(SpoolTest, AnInterruptedAppendIsCutAwayWhereverItEnded) {
  TemporaryFolder folder;
  ASSERT_TRUE(OpenSpool(folder)->Append({"first", "second"}).ok());
  const std::string path = folder.File("spool/00000000000000000000.spool");
  const std::string whole = ReadWholeFile(path);
  const size_t first_size = 8 + 5;
  for (size_t size = first_size; size < whole.size(); ++size) {
    WriteWholeFile(path, whole.substr(0, size));
    const std::unique_ptr<Spool> spool = OpenSpool(folder);
    EXPECT_THAT(ReadAll(*spool, spool->Begin()), ElementsAre("first")) << size;
    EXPECT_EQ(*spool->Append({"next"}), 1);
    EXPECT_THAT(ReadAll(*OpenSpool(folder), spool->Begin()), ElementsAre("first", "next")) << size;
  }
}

TEST(SpoolTest, DamageBeforeTheEndIsReported) {
  TemporaryFolder folder;
  {
    const std::unique_ptr<Spool> spool = OpenSpool(folder, 1);  // a segment per append
    ASSERT_TRUE(spool->Append({"first"}).ok());
    ASSERT_TRUE(spool->Append({"second"}).ok());
  }
  const std::string path = folder.File("spool/00000000000000000000.spool");
  std::string bytes = ReadWholeFile(path);
  bytes.back() ^= 1;
  WriteWholeFile(path, bytes);
  const std::unique_ptr<Spool> spool = OpenSpool(folder, 1);
  Spool::Position at = spool->Begin();
  std::string payload;
  EXPECT_EQ(spool->Read(&at, &payload).status().code(), absl::StatusCode::kDataLoss);
}

TEST(SpoolTest, ReleasesWholeSegmentsOnly) {
  TemporaryFolder folder;
  std::unique_ptr<Spool> spool = OpenSpool(folder, 20);
  for (const char* payload : {"a-long-payload", "b-long-payload", "c-long-payload"}) {
    ASSERT_TRUE(spool->Append({payload, "tail"}).ok());
  }
  Spool::Position at = spool->Begin();
  std::string payload;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(*spool->Read(&at, &payload));
  const int64_t before = spool->bytes();
  spool->Release(at);
  EXPECT_LT(spool->bytes(), before);
  EXPECT_EQ(spool->Begin().record, 2);
  EXPECT_THAT(ReadAll(*spool, at), ElementsAre("tail", "c-long-payload", "tail"));
  spool.reset();
  spool = OpenSpool(folder, 20);
  EXPECT_EQ(spool->Begin().record, 2);
  EXPECT_EQ(spool->next_record(), 6);
  EXPECT_THAT(ReadAll(*spool, at), ElementsAre("tail", "c-long-payload", "tail"));
}

TEST(SpoolTest, IsBounded) {
  TemporaryFolder folder;
  Spool::Options options;
  options.max_bytes = 100;
  const std::unique_ptr<Spool> spool = *Spool::Open(folder.File("spool"), options);
  ASSERT_TRUE(spool->Append({std::string(60, 'x')}).ok());
  EXPECT_EQ(spool->Append({std::string(40, 'x')}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(spool->Append({"small"}).ok());
  EXPECT_EQ(spool->next_record(), 2);
}

TEST(SpoolTest, ConcurrentAppendsAreEachStoredOnceInTheirOwnOrder) {
  TemporaryFolder folder;
  const std::unique_ptr<Spool> spool = OpenSpool(folder, 2000);
  constexpr int kThreads = 4, kAppends = 50;
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::map<int64_t, std::string> expected;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kAppends; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        const absl::StatusOr<int64_t> first = spool->Append({name + "a", name + "b"});
        ASSERT_TRUE(first.ok()) << first.status();
        std::lock_guard lock(mutex);
        EXPECT_TRUE(expected.emplace(*first, name + "a").second);
        EXPECT_TRUE(expected.emplace(*first + 1, name + "b").second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> in_order;
  for (const auto& [number, payload] : expected) in_order.push_back(payload);
  EXPECT_EQ(ReadAll(*spool, spool->Begin()), in_order);
  EXPECT_EQ(in_order.size(), 2u * kThreads * kAppends);
}

}  // namespace
}  // namespace sluice::producer_simulator
