#pragma once
// One session with a PostgreSQL server. libpq stays behind this header.
//
// Owned and used by one thread. Every call has a deadline: a server that is stopped, or a network
// that drops packets silently, ends the call with kUnavailable after `wait_timeout` and closes the
// session; it never holds the thread. Errors: see postgres/sql_state.h. After kUnavailable ask
// `alive()`; a session that is not alive is of no more use, and what its last statement did is
// unknown.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

struct pg_conn;
struct pg_result;

namespace sluice::postgres {

struct ConnectionOptions {
  absl::Duration connect_timeout = absl::Seconds(5);
  /// Longest wait for the server in one call: a statement's answer, or room for one chunk of COPY
  /// data. Longer than `lock_timeout`, so that a statement that waits for a lock is ended by the
  /// server, by name.
  absl::Duration wait_timeout = absl::Seconds(30);
  /// The server ends a session that stands still inside a transaction: a frozen process must not
  /// hold its rows for ever.
  absl::Duration idle_in_transaction_timeout = absl::Seconds(10);
  /// Longer than `idle_in_transaction_timeout`: who waits for a frozen process outlives it and gets
  /// the lock.
  absl::Duration lock_timeout = absl::Seconds(15);
  /// When it is set: milliseconds since the epoch beyond which nothing is waited for any more. May
  /// be brought forward by any thread, at any time.
  std::shared_ptr<const std::atomic<int64_t>> give_up_at_ms;
};

/// The rows of one statement, as text. Views are valid as long as the result.
class Result {
 public:
  explicit Result(pg_result* result) : result_(result) {}
  int rows() const;
  int columns() const;
  bool IsNull(int row, int column) const;
  /// Empty when null.
  std::string_view Text(int row, int column) const;
  /// 0 when null or not a number.
  int64_t Integer(int row, int column) const;
  std::optional<int64_t> OptionalInteger(int row, int column) const;
  bool Boolean(int row, int column) const { return Text(row, column) == "t"; }
  /// Rows inserted, updated, deleted or selected.
  int64_t affected() const;
  /// The command as the server names it: "COMMIT", "SELECT 1".
  std::string_view command() const;
  const pg_result* get() const { return result_.get(); }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

/// A parameter of a statement in text format; nullopt is NULL.
using Parameter = std::optional<std::string>;

class Connection {
 public:
  /// `url`: postgresql://... or `key=value ...`, without a password (kInvalidArgument): that comes
  /// from the password file (PGPASSFILE, `passfile`). kUnavailable: no server, or one that starts
  /// or stops; kFailedPrecondition: refused.
  static absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& url,
                                                             const std::string& application_name,
                                                             const ConnectionOptions& options = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Run one or more statements without parameters; the rows of the last one.
  absl::StatusOr<Result> Exec(const std::string& sql);
  /// Run one statement with parameters $1, $2, ...
  absl::StatusOr<Result> Query(const std::string& sql, const std::vector<Parameter>& parameters);
  /// The same, parsed and planned once per session. For statements that are run again and again.
  absl::StatusOr<Result> QueryPrepared(const std::string& sql,
                                       const std::vector<Parameter>& parameters);

  absl::Status Begin();
  absl::Status Commit();
  /// Back to no transaction, whatever the state: an open COPY is aborted first. OK when there was
  /// nothing to do.
  absl::Status Rollback();

  /// Run `sql`, whose last statement is a COPY ... FROM STDIN. Until CopyEnd or CopyAbort nothing
  /// else may be called.
  absl::Status CopyBegin(const std::string& sql);
  /// Send data; sliced into chunks of 64 KB, each waits until the socket has room.
  absl::Status CopyPut(std::string_view data);
  /// End the COPY: the number of rows stored. A data error of any row is reported here.
  absl::StatusOr<int64_t> CopyEnd();
  /// Give the COPY up. The transaction, if any, is failed then.
  absl::Status CopyAbort();

  bool alive() const;
  bool copying() const { return copying_; }
  /// Whether a transaction is open (or failed).
  bool in_transaction() const;
  /// Process id of the server's side, for tests and messages.
  int backend_pid() const;

 private:
  Connection(pg_conn* connection, const ConnectionOptions& options);
  absl::Status SetSession();
  absl::Status WaitConnected(absl::Time deadline);
  absl::Status WaitSocket(short events,
                          absl::Time deadline);  // NOLINT(google-runtime-int): as poll(2) has it
  absl::Status Flush(absl::Time deadline);
  absl::StatusOr<Result> Receive(absl::Time deadline);
  absl::StatusOr<Result> ReceiveAll(absl::Time deadline);
  absl::Status LostError(std::string_view what);
  void Close();
  absl::Time Deadline() const;

  pg_conn* connection_;
  ConnectionOptions options_;
  bool copying_ = false;
  std::vector<std::string> prepared_;  // SQL of the statements s0, s1, ...
};

/// kInvalidArgument when `url` cannot be read or holds a password. Connects to nothing.
absl::Status CheckUrl(const std::string& url);

/// `name` as an identifier: always quoted.
std::string QuoteIdentifier(std::string_view name);
/// `value` as a string constant.
std::string QuoteLiteral(std::string_view value);

}  // namespace sluice::postgres
