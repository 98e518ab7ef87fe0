#pragma once
// A private PostgreSQL for the whole test program, and an empty migrated database for each test.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "postgres/connection.h"
#include "postgres/migrations.h"
#include "postgres/test_server.h"
#include "storage_writer/postgres_sink.h"
#include "storage_writer/postgres_sink_for_test.h"

namespace sluice::storage_writer {

class PostgresSinkFixture : public testing::Test {
 protected:
  static postgres::TestServer* Server() {
    static const std::unique_ptr<postgres::TestServer> server = [] {
      auto started = postgres::TestServer::Start();
      if (!started.ok()) ADD_FAILURE() << started.status();
      return started.ok() ? *std::move(started) : nullptr;
    }();
    return server.get();
  }

  void SetUp() override {
    ASSERT_NE(Server(), nullptr);
    static int count = 0;
    auto url = Server()->CreateDatabase(Concat("test", ++count));
    ASSERT_TRUE(url.ok()) << url.status();
    url_ = *url;
    auto connection = postgres::Connection::Connect(url_, "test");
    ASSERT_TRUE(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
    auto applied = postgres::Migrate(*connection_);
    ASSERT_TRUE(applied.ok()) << applied.status();
  }

  std::unique_ptr<stage::Sink> NewSink(const std::string& instance = "a") {
    auto sink = PostgresSink::Create(pipeline_, url_, instance, options_);
    EXPECT_TRUE(sink.ok()) << sink.status();
    return *std::move(sink);
  }
  /// A prepared sink that holds partition 0.
  std::unique_ptr<stage::Sink> ReadySink(const std::string& instance = "a") {
    auto sink = NewSink(instance);
    const absl::Status prepared = sink->Prepare(*contract_);
    EXPECT_TRUE(prepared.ok()) << prepared;
    const auto position = sink->TakeOver("raw", 0);
    EXPECT_TRUE(position.ok()) << position.status();
    return sink;
  }
  stage::AcceptedBatch Batch(int64_t first, int64_t next, const std::vector<SinkRow>& rows,
                             int32_t partition = 0) const {
    return BatchForSinkTest(contract_, partition, first, next, rows);
  }
  stage::AcceptedBatch CleanBatch(int64_t first, int64_t next, int32_t partition = 0) const {
    return Batch(first, next, CleanRows(first, next), partition);
  }

  postgres::Result Run(const std::string& sql) {
    auto result = connection_->Exec(sql);
    if (!result.ok()) {
      ADD_FAILURE() << sql << ": " << result.status();
      return *connection_->Exec("SELECT NULL");
    }
    return *std::move(result);
  }
  /// The first column of the first row.
  std::string One(const std::string& sql) {
    const postgres::Result result = Run(sql);
    if (result.rows() == 0) return "(no row)";
    return result.IsNull(0, 0) ? "(null)" : std::string(result.Text(0, 0));
  }
  /// All rows, columns joined by `|`.
  std::vector<std::string> Rows(const std::string& sql) {
    const postgres::Result result = Run(sql);
    std::vector<std::string> rows;
    for (int row = 0; row < result.rows(); ++row) {
      std::string line;
      for (int column = 0; column < result.columns(); ++column) {
        Append(&line, column == 0 ? "" : "|",
               result.IsNull(row, column) ? "(null)" : result.Text(row, column));
      }
      rows.push_back(std::move(line));
    }
    return rows;
  }

  /// kFailedPrecondition etc. of a commit.
  static absl::Status CommitStatus(stage::Sink& sink) { return sink.Commit().status(); }

  contract::PipelineConfig pipeline_ = PipelineForSinkTest();
  std::shared_ptr<contract::Contract> contract_ = ContractForSinkTest();
  PostgresSinkOptions options_;
  std::string url_;
  std::unique_ptr<postgres::Connection> connection_;
};

}  // namespace sluice::storage_writer
