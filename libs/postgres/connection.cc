#include "postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "base/strings.h"
#include "postgres/sql_state.h"

namespace sluice::postgres {
namespace {

constexpr size_t kCopyChunk = 64 << 10;

void IgnoreNotice(void*, const PGresult*) {}

// One line without the end.
std::string FirstLine(const char* message) {
  std::string_view text = message == nullptr ? "" : message;
  text = text.substr(0, text.find('\n'));
  return std::string(absl::StripAsciiWhitespace(AbslView(text)));
}

// libpq does not give the SQLSTATE of a refused connection; with verbose errors its message reads
// "...FATAL:  28P01: password authentication failed ...".
std::string SqlStateIn(std::string_view message) {
  for (size_t at = message.find(":  "); at != std::string_view::npos;
       at = message.find(":  ", at + 1)) {
    const std::string_view code = message.substr(at + 3, 6);
    if (code.size() == 6 && code[5] == ':' &&
        std::all_of(code.begin(), code.begin() + 5,
                    [](char c) { return absl::ascii_isdigit(c) || absl::ascii_isupper(c); })) {
      return std::string(code.substr(0, 5));
    }
  }
  return "";
}

absl::Status ResultError(const PGresult* result) {
  const char* sql_state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  // Only the primary message: detail and context quote values of rows.
  return StatusFromSqlState(
      sql_state == nullptr ? "" : sql_state,
      primary == nullptr ? FirstLine(PQresultErrorMessage(result)) : FirstLine(primary));
}

}  // namespace

absl::Status CheckUrl(const std::string& url) {
  char* error = nullptr;
  PQconninfoOption* options = PQconninfoParse(url.c_str(), &error);
  if (options == nullptr) {
    // libpq's message may quote the URL; say only that it is wrong.
    PQfreemem(error);
    return absl::InvalidArgumentError(
        "the database URL cannot be read: expected postgresql://user@host:port/name");
  }
  bool password = false;
  for (PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    if (std::strcmp(option->keyword, "password") == 0 && option->val != nullptr) password = true;
  }
  PQconninfoFree(options);
  if (!password) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the database URL holds a password: put it into a password file (PGPASSFILE) and take it out "
      "of the URL");
}

int Result::rows() const { return PQntuples(result_.get()); }
int Result::columns() const { return PQnfields(result_.get()); }
bool Result::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) == 1;
}

std::string_view Result::Text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

int64_t Result::Integer(int row, int column) const {
  return OptionalInteger(row, column).value_or(0);
}

std::optional<int64_t> Result::OptionalInteger(int row, int column) const {
  int64_t value = 0;
  if (IsNull(row, column) || !absl::SimpleAtoi(AbslView(Text(row, column)), &value))
    return std::nullopt;
  return value;
}

int64_t Result::affected() const {
  int64_t count = 0;
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &count) ? count : 0;
}

std::string_view Result::command() const { return PQcmdStatus(result_.get()); }

void Result::Clear::operator()(pg_result* result) const { PQclear(result); }

Connection::Connection(pg_conn* connection, const ConnectionOptions& options)
    : connection_(connection), options_(options) {}

Connection::~Connection() { Close(); }

void Connection::Close() {
  if (connection_ != nullptr) PQfinish(connection_);
  connection_ = nullptr;
  copying_ = false;
}

absl::Time Connection::Deadline() const { return absl::Now() + options_.wait_timeout; }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Connect(const std::string& url,
                                                                const std::string& application_name,
                                                                const ConnectionOptions& options) {
  SLUICE_RETURN_IF_ERROR(CheckUrl(url));
  const std::string user_timeout = Concat(absl::ToInt64Milliseconds(options.wait_timeout));
  // Before `dbname`: defaults that the URL may change; after it: what it may not.
  const char* keys[] = {"keepalives",       "keepalives_idle",  "keepalives_interval",
                        "keepalives_count", "tcp_user_timeout", "dbname",
                        "application_name", "client_encoding",  nullptr};
  const char* values[] = {
      "1",    "10",   "5", "3", user_timeout.c_str(), url.c_str(), application_name.c_str(),
      "UTF8", nullptr};
  auto connection = std::unique_ptr<Connection>(
      new Connection(PQconnectStartParams(keys, values, /*expand_dbname=*/1), options));
  if (connection->connection_ == nullptr)
    return absl::UnavailableError("no memory for a database connection");
  PQsetErrorVerbosity(connection->connection_, PQERRORS_VERBOSE);
  SLUICE_RETURN_IF_ERROR(connection->WaitConnected(absl::Now() + options.connect_timeout));
  PQsetNoticeReceiver(connection->connection_, IgnoreNotice, nullptr);
  PQsetErrorVerbosity(connection->connection_, PQERRORS_DEFAULT);
  if (PQsetnonblocking(connection->connection_, 1) != 0)
    return connection->LostError("set non-blocking");
  SLUICE_RETURN_IF_ERROR(Annotate(connection->SetSession(), "database session"));
  return connection;
}

absl::Status Connection::WaitConnected(absl::Time deadline) {
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  if (PQstatus(connection_) == CONNECTION_BAD) state = PGRES_POLLING_FAILED;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    SLUICE_RETURN_IF_ERROR(
        Annotate(WaitSocket(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline),
                 "connect to the database"));
    state = PQconnectPoll(connection_);
  }
  if (state == PGRES_POLLING_OK) return absl::OkStatus();
  const std::string message = FirstLine(PQerrorMessage(connection_));
  return StatusFromSqlState(SqlStateIn(message), Concat("connect to the database: ", message));
}

absl::Status Connection::SetSession() {
  // By name and only where the server knows the setting: client_connection_check_interval exists
  // since version 14. It ends a statement whose client has gone, so that an abandoned session
  // releases its locks.
  const auto milliseconds = [](absl::Duration duration) {
    return Concat(absl::ToInt64Milliseconds(duration));
  };
  return Query(
             "SELECT set_config(s.name, w.value, false) FROM pg_catalog.pg_settings s JOIN (VALUES "
             "('idle_in_transaction_session_timeout', $1), ('lock_timeout', $2), "
             "('statement_timeout', '0'), "
             "('client_connection_check_interval', '5000'), ('default_transaction_isolation', "
             "'read committed'), "
             "('DateStyle', 'ISO'), ('TimeZone', 'UTC'), ('bytea_output', 'hex'), "
             "('standard_conforming_strings', 'on')) w(name, value) ON s.name = w.name",
             {milliseconds(options_.idle_in_transaction_timeout),
              milliseconds(options_.lock_timeout)})
      .status();
}

absl::Status Connection::WaitSocket(short events,
                                    absl::Time deadline) {  // NOLINT(google-runtime-int)
  // How soon a wait hears of an earlier end.
  constexpr int64_t kLookEveryMs = 500;
  while (true) {
    if (options_.give_up_at_ms != nullptr)
      deadline = std::min(deadline, absl::FromUnixMillis(*options_.give_up_at_ms));
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      Close();
      return absl::UnavailableError("the database did not answer in time; the session is closed");
    }
    pollfd socket{PQsocket(connection_), events, 0};
    if (socket.fd < 0) return LostError("wait");
    const int64_t wait_ms =
        std::clamp<int64_t>(absl::ToInt64Milliseconds(left) + 1, 1, kLookEveryMs);
    const int ready = poll(&socket, 1, static_cast<int>(wait_ms));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return LostError("poll");
  }
}

absl::Status Connection::LostError(std::string_view what) {
  const std::string message = connection_ == nullptr ? "" : FirstLine(PQerrorMessage(connection_));
  Close();
  return absl::UnavailableError(
      Concat("the connection to the database is lost: ", what, ": ", message));
}

absl::Status Connection::Flush(absl::Time deadline) {
  while (true) {
    const int left = PQflush(connection_);
    if (left == 0) return absl::OkStatus();
    if (left < 0) return LostError("send");
    SLUICE_RETURN_IF_ERROR(WaitSocket(POLLIN | POLLOUT, deadline));
    // The server may be blocked on an answer nobody reads; and a server that has gone shows here.
    if (PQconsumeInput(connection_) == 0) return LostError("receive");
  }
}

// The next result; a null one (rows() etc. must not be asked then) is never returned: kNotFound
// marks the end.
absl::StatusOr<Result> Connection::Receive(absl::Time deadline) {
  while (PQisBusy(connection_) == 1) {
    SLUICE_RETURN_IF_ERROR(WaitSocket(POLLIN, deadline));
    if (PQconsumeInput(connection_) == 0) return LostError("receive");
  }
  PGresult* result = PQgetResult(connection_);
  if (result == nullptr) return absl::NotFoundError("no more results");
  return Result(result);
}

absl::StatusOr<Result> Connection::ReceiveAll(absl::Time deadline) {
  absl::Status failure;
  std::optional<Result> last;
  while (true) {
    absl::StatusOr<Result> next = Receive(deadline);
    if (absl::IsNotFound(next.status())) break;
    SLUICE_RETURN_IF_ERROR(next.status());
    const PGresult* result = next->get();
    const ExecStatusType kind = PQresultStatus(result);
    if (kind == PGRES_COPY_IN) {
      copying_ = true;
      return next;
    }
    if (kind == PGRES_FATAL_ERROR || kind == PGRES_BAD_RESPONSE || kind == PGRES_NONFATAL_ERROR) {
      if (failure.ok()) failure = ResultError(result);
    }
    last = *std::move(next);
  }
  if (PQstatus(connection_) == CONNECTION_BAD) {
    absl::Status lost = LostError("statement");
    // The server said why it ended the session (57P01, 25P03): a better message.
    return IsRetryable(failure) ? failure : lost;
  }
  SLUICE_RETURN_IF_ERROR(failure);
  if (!last.has_value()) return absl::InternalError("the database gave no result");
  return *std::move(last);
}

absl::StatusOr<Result> Connection::Exec(const std::string& sql) {
  if (!alive()) return LostError("statement");
  const absl::Time deadline = Deadline();
  if (PQsendQuery(connection_, sql.c_str()) == 0) return LostError("send");
  SLUICE_RETURN_IF_ERROR(Flush(deadline));
  return ReceiveAll(deadline);
}

absl::StatusOr<Result> Connection::Query(const std::string& sql,
                                         const std::vector<Parameter>& parameters) {
  if (!alive()) return LostError("statement");
  const absl::Time deadline = Deadline();
  std::vector<const char*> values;
  for (const Parameter& parameter : parameters)
    values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0) {
    return LostError("send");
  }
  SLUICE_RETURN_IF_ERROR(Flush(deadline));
  return ReceiveAll(deadline);
}

absl::StatusOr<Result> Connection::QueryPrepared(const std::string& sql,
                                                 const std::vector<Parameter>& parameters) {
  if (!alive()) return LostError("statement");
  const absl::Time deadline = Deadline();
  const size_t index = std::find(prepared_.begin(), prepared_.end(), sql) - prepared_.begin();
  const std::string name = Concat("s", index);
  if (index == prepared_.size()) {
    if (PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr) == 0)
      return LostError("send");
    SLUICE_RETURN_IF_ERROR(Flush(deadline));
    SLUICE_RETURN_IF_ERROR(ReceiveAll(deadline).status());
    prepared_.push_back(sql);
  }
  std::vector<const char*> values;
  for (const Parameter& parameter : parameters)
    values.push_back(parameter ? parameter->c_str() : nullptr);
  if (PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(values.size()), values.data(),
                          nullptr, nullptr, 0) == 0) {
    return LostError("send");
  }
  SLUICE_RETURN_IF_ERROR(Flush(deadline));
  return ReceiveAll(deadline);
}

absl::Status Connection::Begin() { return Exec("BEGIN").status(); }
absl::Status Connection::Commit() {
  SLUICE_ASSIGN_OR_RETURN(const Result result, Exec("COMMIT"));
  // COMMIT of a failed transaction is answered with ROLLBACK, not with an error.
  if (result.command() == "COMMIT") return absl::OkStatus();
  return absl::FailedPreconditionError("the transaction had failed before: rolled back");
}

absl::Status Connection::Rollback() {
  if (!alive()) return absl::OkStatus();
  if (copying_) SLUICE_RETURN_IF_ERROR(CopyAbort());
  if (!in_transaction()) return absl::OkStatus();
  return Exec("ROLLBACK").status();
}

absl::Status Connection::CopyBegin(const std::string& sql) {
  SLUICE_RETURN_IF_ERROR(Exec(sql).status());
  if (copying_) return absl::OkStatus();
  return absl::InternalError("not a COPY FROM STDIN");
}

absl::Status Connection::CopyPut(std::string_view data) {
  if (!alive()) return LostError("copy");
  while (!data.empty()) {
    const std::string_view chunk = data.substr(0, kCopyChunk);
    const int sent = PQputCopyData(connection_, chunk.data(), static_cast<int>(chunk.size()));
    if (sent < 0) return LostError("copy");
    if (sent == 1) data.remove_prefix(chunk.size());
    SLUICE_RETURN_IF_ERROR(Flush(Deadline()));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Connection::CopyEnd() {
  if (!alive()) return LostError("copy");
  const absl::Time deadline = Deadline();
  copying_ = false;
  if (PQputCopyEnd(connection_, nullptr) != 1) return LostError("end of copy");
  SLUICE_RETURN_IF_ERROR(Flush(deadline));
  SLUICE_ASSIGN_OR_RETURN(const Result result, ReceiveAll(deadline));
  return result.affected();
}

absl::Status Connection::CopyAbort() {
  if (!alive()) return LostError("copy");
  const absl::Time deadline = Deadline();
  copying_ = false;
  if (PQputCopyEnd(connection_, "given up by the client") != 1) return LostError("abort of copy");
  SLUICE_RETURN_IF_ERROR(Flush(deadline));
  const absl::Status aborted = ReceiveAll(deadline).status();
  // The server answers with an error: that is what was asked for.
  return alive() ? absl::OkStatus() : aborted;
}

bool Connection::alive() const {
  return connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK;
}

bool Connection::in_transaction() const {
  return connection_ != nullptr && PQtransactionStatus(connection_) != PQTRANS_IDLE;
}

int Connection::backend_pid() const {
  return connection_ == nullptr ? 0 : PQbackendPID(connection_);
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string QuoteLiteral(std::string_view value) {
  // E'' with doubled backslashes reads the same whatever standard_conforming_strings says.
  std::string quoted = " E'";
  for (char c : value) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

}  // namespace sluice::postgres
