// Checkpoint, truth file, logs, input file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "producer_simulator/checkpoint.h"
#include "producer_simulator/event_log.h"
#include "producer_simulator/input_source.h"
#include "producer_simulator/temporary_folder_for_test.h"
#include "producer_simulator/truth_file.h"

namespace sluice::producer_simulator {
namespace {

using ::testing::ElementsAre;

Checkpoint SomeCheckpoint() {
  Checkpoint checkpoint;
  checkpoint.run_id = "0123abcd";
  checkpoint.origin = "input /a \"b\"\\c\n";
  checkpoint.topic = "raw";
  checkpoint.topic_id = "BR956M5LTea2Pl3diwLUzQ";
  checkpoint.clean = false;
  checkpoint.main = {1'000'000'000'000, 0, 17};
  checkpoint.published = {5, 3, 99};
  checkpoint.read_back_from = {{0, 10}, {11, 0}};
  checkpoint.truth_bytes = 12345;
  checkpoint.delivered = 7;
  checkpoint.delivered_published = 8;
  checkpoint.rejected = 9;
  checkpoint.delivered_faults = {{"null", 3}};
  checkpoint.faults = {{0, FaultMix::Default()}, {500, FaultMix()}};
  return checkpoint;
}

TEST(CheckpointTest, ComesBackAsItWas) {
  TemporaryFolder folder;
  const std::string path = folder.File("checkpoint.json");
  EXPECT_FALSE(LoadCheckpoint(path)->has_value());
  ASSERT_TRUE(StoreCheckpoint(path, SomeCheckpoint()).ok());
  EXPECT_EQ(**LoadCheckpoint(path), SomeCheckpoint());
  Checkpoint other = SomeCheckpoint();
  other.main.record = 1;
  ASSERT_TRUE(StoreCheckpoint(path, other).ok());
  EXPECT_EQ(**LoadCheckpoint(path), other);
}

TEST(CheckpointTest, GarbageIsRefused) {
  const std::string whole = ToJson(SomeCheckpoint());
  for (const std::string& wrong :
       {std::string(), std::string("{}"), std::string("[1]"), whole.substr(0, 100)}) {
    EXPECT_EQ(ParseCheckpoint(wrong).status().code(), absl::StatusCode::kDataLoss) << wrong;
  }
}

TEST(TruthFileTest, IsCutToTheCheckpointWhenOpened) {
  TemporaryFolder folder;
  const std::string path = folder.File("truth.ndjson");
  Expectation expectation;
  expectation.json = "\"fault\":null,\"verdict\":\"clean\",\"reason\":null,\"rules\":[]";
  int64_t bytes = 0;
  {
    const std::unique_ptr<TruthFile> truth = *TruthFile::Open(path, 0);
    truth->Add(3, 17, "run-g5", expectation);
    EXPECT_EQ(truth->bytes(), 0);
    ASSERT_TRUE(truth->Flush().ok());
    bytes = truth->bytes();
    truth->Add(4, 18, "run-g6", expectation);
    ASSERT_TRUE(truth->Flush().ok());
  }
  const std::unique_ptr<TruthFile> truth = *TruthFile::Open(path, bytes);
  EXPECT_EQ(ReadWholeFile(path),
            "{\"partition\":3,\"offset\":17,\"record_id\":\"run-g5\",\"fault\":null,\"verdict\":"
            "\"clean\","
            "\"reason\":null,\"rules\":[]}\n");
  EXPECT_EQ(TruthFile::Open(path, bytes + 1).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(EventLogTest, KeepsTheNewestLinesInABoundedNumberOfFiles) {
  TemporaryFolder folder;
  const std::string path = folder.File("success.log");
  {
    EventLog log(path, 20, 3);
    for (int i = 0; i < 10; ++i) log.Write("{\"line\":" + std::to_string(i) + "}");
  }
  EXPECT_EQ(ReadWholeFile(path), "{\"line\":9}\n");
  EXPECT_EQ(ReadWholeFile(path + ".1"), "{\"line\":8}\n");
  EXPECT_EQ(ReadWholeFile(path + ".2"), "{\"line\":7}\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
  EventLog(path, 1000, 3).Write("{}");
  EXPECT_EQ(ReadWholeFile(path), "{\"line\":9}\n{}\n");
}

std::vector<std::string> Lines(RecordSource& source) {
  std::vector<std::string> lines;
  Record record;
  while (*source.Next(&record)) lines.push_back(record.value);
  return lines;
}

TEST(InputSourceTest, ALineIsARecordByteForByte) {
  TemporaryFolder folder;
  const std::string path = folder.File("in.ndjson");
  WriteWholeFile(path, std::string("{\"a\":1}\r\n\n\r\n  {\"b\" : 2} \n\xFF") + '\0' + "x\nlast");
  const std::unique_ptr<InputSource> source = *InputSource::Open(path, 0, "");
  EXPECT_THAT(Lines(*source),
              ElementsAre("{\"a\":1}", "  {\"b\" : 2} ", std::string("\xFF\0x", 3), "last"));
  EXPECT_TRUE(source->exhausted());
  EXPECT_EQ(InputSource::Open(folder.File("nosuch"), 0, "").status().code(),
            absl::StatusCode::kNotFound);
}

TEST(InputSourceTest, GoesOnFromAnyPosition) {
  TemporaryFolder folder;
  const std::string path = folder.File("in.ndjson");
  std::string bytes;
  for (int i = 0; i < 1000; ++i)
    bytes += "{\"n\":" + std::to_string(i) + std::string(i * 7 % 5000, ' ') + "}\n";
  WriteWholeFile(path, bytes);
  const std::unique_ptr<InputSource> source = *InputSource::Open(path, 900, "");
  std::vector<SourcePosition> positions{source->position()};
  std::vector<std::string> lines;
  Record record;
  while (*source->Next(&record)) {
    lines.push_back(record.value);
    positions.push_back(source->position());
  }
  EXPECT_EQ(lines.size(), 900u);
  for (size_t i = 0; i < positions.size(); i += 83) {
    ASSERT_TRUE(source->Rewind(positions[i]).ok());
    EXPECT_EQ(source->position(), positions[i]);
    EXPECT_EQ(Lines(*source),
              std::vector<std::string>(lines.begin() + static_cast<int64_t>(i), lines.end()));
  }
  WriteWholeFile(path, "short\n");
  EXPECT_EQ(source->Rewind(positions[500]).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(InputSourceTest, TheKeyIsAMember) {
  TemporaryFolder folder;
  const std::string path = folder.File("in.ndjson");
  WriteWholeFile(path, "{\"id\":\"a b\"}\n{\"id\":42}\n{\"id\":null}\n{\"x\":1}\nnot json\n");
  const std::unique_ptr<InputSource> source = *InputSource::Open(path, 0, "id");
  std::vector<std::string> keys;
  Record record;
  while (*source->Next(&record)) keys.push_back(record.has_key ? record.key : "-");
  EXPECT_THAT(keys, ElementsAre("a b", "42", "-", "-", "-"));
}

}  // namespace
}  // namespace sluice::producer_simulator
