#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>

#include "absl/strings/escaping.h"
#include "base/status.h"
#include "kafka/admin.h"
#include "sluicectl/commands.h"
#include "sluicectl/database.h"
#include "sluicectl/pipeline_argument.h"
#include "sluicectl/records/dead_letters.h"
#include "sluicectl/records/redaction.h"
#include "sluicectl/records/rehearsal.h"
#include "sluicectl/records/replay.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr int64_t kListed = 100;
constexpr int64_t kReplayed = 1000;

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError(Concat("--with: cannot be read: ", path));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// One field a row, for people.
Table ToTable(const std::string& topic, const DeadLetter& letter, const Replay& record,
              const Redaction& redaction) {
  Table table({"field", "value"});
  table.AddRow({"record", Concat(topic, " ", letter.partition, "@", letter.offset)});
  table.AddRow({"state", letter.state});
  table.AddRow({"verdict", letter.verdict});
  table.AddRow({"reason", letter.reason});
  table.AddRow({"message", letter.message});
  table.AddRow({"table", letter.target});
  table.AddRow({"written", letter.created_at});
  table.AddRow({"replay", OrNull(letter.replay_offset)});
  table.AddRow({"key", redaction.Bytes(record.key)});
  table.AddRow({"value", redaction.Bytes(record.value)});
  if (letter.edited) table.AddRow({"edited", redaction.Bytes(letter.edited)});
  return table;
}

Json ToJson(const std::string& topic, const DeadLetter& letter, const Replay& record,
            const Redaction& redaction) {
  const auto base64 = [&](const std::optional<std::string>& bytes) {
    return bytes && !redaction.any() ? Json(absl::Base64Escape(*bytes)) : Json();
  };
  Json json = Json::Object();
  json.Set("topic", topic).Set("partition", letter.partition).Set("offset", letter.offset);
  json.Set("state", letter.state).Set("verdict", letter.verdict).Set("reason", letter.reason);
  json.Set("message", letter.message).Set("target", letter.target);
  json.Set("created_at", letter.created_at).Set("replay_offset", OrNull(letter.replay_offset));
  json.Set("key", redaction.Bytes(record.key)).Set("key_base64", base64(record.key));
  json.Set("value", redaction.Bytes(record.value)).Set("value_base64", base64(record.value));
  return json.Set("edited", redaction.Bytes(letter.edited));
}

class DeadLettersCommand : public Command {
 public:
  const char* name() const override { return "dead-letters"; }
  const char* description() const override {
    return "Records that did not land well: list them, show one, produce them again";
  }
  void AddFlags(CLI::App& app) override {
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  sluicectl dead-letters list --pipeline telemetry\n"
        "  sluicectl dead-letters replay --pipeline telemetry --all --dry-run");
    AddFilters(Add(app, "list", "List them",
                   "  sluicectl dead-letters list --pipeline telemetry --reason 23\n"
                   "  sluicectl dead-letters list --pipeline telemetry --from failed --rule "
                   "fuel_level_null",
                   &DeadLettersCommand::List),
               kListed);
    CLI::App* show =
        Add(app, "show", "Show one with its bytes",
            "  sluicectl dead-letters show --pipeline telemetry --partition 0 --offset 17\n"
            "  sluicectl dead-letters show --pipeline telemetry --from corrupt --partition 0 "
            "--offset 17 --raw",
            &DeadLettersCommand::Show);
    AddCoordinates(show, /*required=*/true);
    show->add_flag("--raw", raw_, "Write the value's bytes and nothing else");
    AddShowClassified(show, &show_classified_);
    CLI::App* replay =
        Add(app, "replay",
            "Produce them to the source topic again; each is sent once, however "
            "often this is repeated",
            "  sluicectl dead-letters replay --pipeline telemetry --reason 23 --dry-run\n"
            "  sluicectl dead-letters replay --pipeline telemetry --partition 0 --offset 17 --with "
            "fixed.json",
            &DeadLettersCommand::Replay);
    AddFilters(replay, kReplayed);
    replay->add_flag("--all", all_, "Without any filter: all that are new or fixed");
    replay->add_flag("--dry-run", dry_run_, "Only say what today's contract makes of them");
    replay->add_option("--with", with_, "Send the bytes of this file instead (one record only)")
        ->type_name("FILE");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(pipeline_, LoadPipelineArgument(settings.pipeline));
    if (!pipeline_.postgres)
      return absl::InvalidArgumentError("the pipeline has no PostgreSQL sink with dead letters");
    SLUICE_ASSIGN_OR_RETURN(connection_, ConnectDatabase(settings));
    SLUICE_ASSIGN_OR_RETURN(admin_, kafka::Admin::Create(settings.kafka));
    SLUICE_ASSIGN_OR_RETURN(const auto topic,
                            admin_->Describe(pipeline_.source_topic, kRequestTimeout));
    topic_id_ = topic.id;
    return (this->*action_)(settings);
  }

 private:
  using Action = absl::StatusOr<Outcome> (DeadLettersCommand::*)(const Settings&);
  using Results = std::map<std::pair<int32_t, int64_t>, std::string>;

  CLI::App* Add(CLI::App& app, const char* name, const char* description, const char* examples,
                Action action) {
    CLI::App* sub = app.add_subcommand(name, description);
    sub->fallthrough();
    sub->footer(Concat("Examples:\n", examples));
    sub->callback([this, action] { action_ = action; });
    sub->add_option("--from", filter_.from,
                    "dead-letters (refused by the database), corrupt or failed")
        ->type_name("SOURCE")
        ->check(CLI::IsMember({"dead-letters", "corrupt", "failed"}))
        ->capture_default_str();
    return sub;
  }

  void AddCoordinates(CLI::App* app, bool required) {
    app->add_option("--partition", filter_.partition, "Source partition")
        ->type_name("N")
        ->required(required);
    app->add_option("--offset", filter_.offset, "Source offset")
        ->type_name("OFFSET")
        ->required(required);
  }

  void AddFilters(CLI::App* app, int64_t limit) {
    AddCoordinates(app, /*required=*/false);
    app->add_option("--state", filter_.state, "new, fixed, replayed, resolved or discarded")
        ->type_name("STATE")
        ->check(CLI::IsMember({"new", "fixed", "replayed", "resolved", "discarded"}));
    app->add_option("--reason", filter_.reason,
                    "How the reason begins: an SQLSTATE or its class; why it is corrupt")
        ->type_name("TEXT");
    app->add_option("--rule", filter_.rule, "Only records that break this rule")->type_name("ID");
    app->add_option("--since", filter_.since, "Written at this time or later: '2024-03-10 12:00'")
        ->type_name("TIME");
    app->add_option("--until", filter_.until, "Written before this time")->type_name("TIME");
    app->add_option("--limit", limit_, Concat("At most so many (default: ", limit, ")"))
        ->type_name("N")
        ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}));
  }

  absl::StatusOr<std::vector<DeadLetter>> Find(int64_t limit) {
    filter_.limit = limit_.value_or(limit);
    return FindLetters(*connection_, pipeline_, topic_id_, filter_);
  }

  absl::StatusOr<Outcome> List(const Settings& settings) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<DeadLetter> letters, Find(kListed));
    Table table({"partition", "offset", "state", "reason", "target", "verdict", "created_at",
                 "replay_offset", "message"});
    for (const DeadLetter& letter : letters) {
      table.AddRow({letter.partition, letter.offset, letter.state, letter.reason, letter.target,
                    letter.verdict, letter.created_at, OrNull(letter.replay_offset),
                    letter.message});
    }
    Print(table, settings.format);
    return Outcome::kFine;
  }

  absl::StatusOr<Outcome> Show(const Settings& settings) {
    SLUICE_ASSIGN_OR_RETURN(const Redaction redaction, Redaction::Of(pipeline_, show_classified_));
    if (raw_ && redaction.any()) {
      return absl::InvalidArgumentError(
          "the contract classifies columns, and the bytes may hold their values: --raw needs "
          "--show-classified");
    }
    SLUICE_RETURN_IF_ERROR(CheckSameLog());
    SLUICE_ASSIGN_OR_RETURN(const std::vector<DeadLetter> letters, Find(1));
    if (letters.empty()) return absl::NotFoundError(Concat("no such record in ", filter_.from));
    SLUICE_ASSIGN_OR_RETURN(const sluicectl::Replay record, Original(letters[0]));
    if (raw_) {
      const std::string bytes = record.value.value_or("");
      std::fwrite(bytes.data(), 1, bytes.size(), stdout);
    } else if (settings.format == Format::kJson) {
      PrintLine(ToJson(pipeline_.source_topic, letters[0], record, redaction).Dump());
    } else {
      Print(ToTable(pipeline_.source_topic, letters[0], record, redaction), Format::kTable);
    }
    return Outcome::kFine;
  }

  absl::StatusOr<Outcome> Replay(const Settings& settings) {
    SLUICE_RETURN_IF_ERROR(CheckUsage());
    SLUICE_RETURN_IF_ERROR(CheckSameLog());
    std::optional<std::string> edited;
    if (!with_.empty()) {
      SLUICE_ASSIGN_OR_RETURN(edited, ReadFile(with_));
    }
    const bool one = filter_.partition && filter_.offset;
    filter_.open = !one && filter_.state.empty();
    if (dry_run_) return Rehearse(settings, edited);
    SLUICE_ASSIGN_OR_RETURN(Replayer replayer, Replayer::Start(pipeline_, topic_id_, settings.kafka,
                                                               admin_.get(), connection_.get()));
    SLUICE_RETURN_IF_ERROR(replayer.FindSent());
    // Only now does the state of each say what is left to do.
    SLUICE_ASSIGN_OR_RETURN(const std::vector<DeadLetter> letters, Find(kReplayed));
    if (letters.empty() && one) return absl::NotFoundError("no such record there");
    Outcome outcome = Outcome::kFine;
    Results results;
    const std::vector<sluicectl::Replay> replays = Choose(letters, edited, &results, &outcome);
    SLUICE_ASSIGN_OR_RETURN(const ReplayOffsets sent, replayer.Send(replays));
    Table table({"partition", "offset", "result", "replay_offset"});
    for (const DeadLetter& letter : letters) {
      const std::pair where(letter.partition, letter.offset);
      const auto offset = sent.find(where);
      table.AddRow({letter.partition, letter.offset, results[where],
                    offset != sent.end() ? Json(offset->second) : OrNull(letter.replay_offset)});
    }
    Print(table, settings.format);
    return outcome;
  }

  // What is to be sent, and what to say of each.
  std::vector<sluicectl::Replay> Choose(const std::vector<DeadLetter>& letters,
                                        const std::optional<std::string>& edited, Results* results,
                                        Outcome* outcome) {
    std::vector<sluicectl::Replay> replays;
    for (const DeadLetter& letter : letters) {
      std::string& result = (*results)[{letter.partition, letter.offset}];
      if (letter.replay_offset) {
        result = edited ? "was replayed before; nothing was sent" : "was replayed before";
        if (edited) *outcome = Outcome::kFinding;
        continue;
      }
      if (letter.state != "new" && letter.state != "fixed") {
        result = Concat("is ", letter.state, ": nothing was sent");
        continue;
      }
      auto record = Original(letter);
      if (!record.ok()) {
        result = std::string(record.status().message());
        *outcome = Outcome::kFinding;
        continue;
      }
      record->edited = edited || letter.edited;
      if (record->edited) record->value = edited ? edited : letter.edited;
      replays.push_back(*std::move(record));
      result = "replayed";
    }
    return replays;
  }

  absl::StatusOr<Outcome> Rehearse(const Settings& settings,
                                   const std::optional<std::string>& edited) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<DeadLetter> letters, Find(kReplayed));
    SLUICE_ASSIGN_OR_RETURN(Rehearsal rehearsal, Rehearsal::Open(pipeline_));
    Outcome outcome = Outcome::kFine;
    Table table({"partition", "offset", "state", "contract", "would_be", "why"});
    for (const DeadLetter& letter : letters) {
      std::vector<Json> cells = {letter.partition, letter.offset, letter.state,
                                 rehearsal.contract().version};
      const auto record = Original(letter);
      if (record.ok()) {
        const auto& value = edited ? edited : letter.edited ? letter.edited : record->value;
        SLUICE_ASSIGN_OR_RETURN(const Rehearsal::Result result,
                                rehearsal.Judge(record->key, value));
        cells.insert(cells.end(), {batch::Name(result.verdict), result.why});
        if (result.verdict != batch::Verdict::kClean) outcome = Outcome::kFinding;
      } else {
        cells.insert(cells.end(), {Json(), StdView(record.status().message())});
        outcome = Outcome::kFinding;
      }
      table.AddRow(std::move(cells));
    }
    Print(table, settings.format);
    return outcome;
  }

  // The record as the source has it, or a copy of what the database refused. kNotFound: neither.
  absl::StatusOr<sluicectl::Replay> Original(const DeadLetter& letter) {
    SLUICE_ASSIGN_OR_RETURN(const auto messages,
                            admin_->Read({pipeline_.source_topic, letter.partition}, letter.offset,
                                         1, kRequestTimeout));
    sluicectl::Replay record{letter.partition, letter.offset, letter.key, letter.value, false};
    if (!messages.empty() && messages[0].offset() == letter.offset) {
      const auto copy = [](std::optional<std::string_view> bytes) {
        return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
      };
      record.key = copy(messages[0].key());
      record.value = copy(messages[0].value());
    } else if (!letter.value) {
      return absl::NotFoundError("the source no longer has it, and there is no copy");
    }
    return record;
  }

  absl::Status CheckSameLog() {
    SLUICE_ASSIGN_OR_RETURN(
        const postgres::Result rows,
        connection_->Query("SELECT DISTINCT topic_id FROM sluice.coverage WHERE pipeline = $1 AND "
                           "generation = $2::integer AND topic = $3 AND topic_id <> ''",
                           {pipeline_.name, Concat(pipeline_.generation), pipeline_.source_topic}));
    for (int row = 0; row < rows.rows(); ++row) {
      if (topic_id_.empty() || rows.Text(row, 0) == topic_id_) continue;
      return absl::FailedPreconditionError(
          Concat("the source topic was recreated: these offsets are of another log: expected id ",
                 rows.Text(row, 0), ", found ", topic_id_));
    }
    return absl::OkStatus();
  }

  absl::Status CheckUsage() const {
    const bool filtered = filter_.partition || filter_.offset || !filter_.state.empty() ||
                          !filter_.reason.empty() || !filter_.rule.empty() ||
                          !filter_.since.empty() || !filter_.until.empty();
    if (!filtered && !all_)
      return absl::InvalidArgumentError("say which ones (--reason, --partition, ...), or --all");
    if (!with_.empty() && !(filter_.partition && filter_.offset))
      return absl::InvalidArgumentError("--with is for one record: --partition and --offset");
    return absl::OkStatus();
  }

  Action action_ = nullptr;
  LetterFilter filter_;
  std::optional<int64_t> limit_;
  bool all_ = false;
  bool raw_ = false;
  bool show_classified_ = false;
  bool dry_run_ = false;
  std::string with_;

  contract::PipelineConfig pipeline_;
  std::unique_ptr<postgres::Connection> connection_;
  std::unique_ptr<kafka::Admin> admin_;
  std::string topic_id_;
};

}  // namespace

std::unique_ptr<Command> MakeDeadLettersCommand() { return std::make_unique<DeadLettersCommand>(); }

}  // namespace sluice::sluicectl
