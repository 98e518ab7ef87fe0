#include "postgres/sql_state.h"

#include <gtest/gtest.h>

namespace sluice::postgres {
namespace {

TEST(SqlState, ClassesSayWhatToDo) {
  for (const char* retry : {"08006", "08003", "40001", "40P01", "53100", "53300", "57P01", "57P03",
                            "57014", "25006", "25P03", "55P03"}) {
    EXPECT_EQ(StatusFromSqlState(retry, "x").code(), absl::StatusCode::kUnavailable) << retry;
  }
  for (const char* data : {"22003", "22021", "22P05", "23502", "23505", "23514", "54000"}) {
    EXPECT_EQ(StatusFromSqlState(data, "x").code(), absl::StatusCode::kOutOfRange) << data;
    EXPECT_TRUE(IsDataError(StatusFromSqlState(data, "x"))) << data;
  }
  for (const char* stop :
       {"42P01", "42501", "28P01", "28000", "3D000", "25P02", "55000", "XX000", "0A000"}) {
    EXPECT_EQ(StatusFromSqlState(stop, "x").code(), absl::StatusCode::kFailedPrecondition) << stop;
  }
}

TEST(SqlState, IsKeptInTheStatus) {
  EXPECT_EQ(SqlState(StatusFromSqlState("22003", "out of range")), "22003");
  EXPECT_EQ(SqlState(StatusFromSqlState("", "connection reset")), "");
  EXPECT_EQ(StatusFromSqlState("", "connection reset").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(SqlState(absl::OkStatus()), "");
  EXPECT_FALSE(IsDataError(absl::OutOfRangeError("not from a server")));
}

}  // namespace
}  // namespace sluice::postgres
