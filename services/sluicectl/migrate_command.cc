#include <CLI/CLI.hpp>

#include "base/status.h"
#include "postgres/migrations.h"
#include "sluicectl/commands.h"
#include "sluicectl/database.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {
namespace {

class MigrateCommand : public Command {
 public:
  const char* name() const override { return "migrate"; }
  const char* description() const override {
    return "Create the schema `sluice` in PostgreSQL, or bring it up to date";
  }
  void AddFlags(CLI::App& app) override {
    app.footer(
        "Examples:\n"
        "  sluicectl migrate --database-url postgresql:///mydb");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const auto connection, ConnectDatabase(settings));
    SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> applied, postgres::Migrate(*connection));
    Table table({"applied"});
    for (const std::string& name : applied) table.AddRow({name});
    if (settings.format == Format::kTable && applied.empty()) {
      PrintLine("nothing to apply: the database is up to date");
    } else {
      Print(table, settings.format);
    }
    return Outcome::kFine;
  }
};

}  // namespace

std::unique_ptr<Command> MakeMigrateCommand() { return std::make_unique<MigrateCommand>(); }

}  // namespace sluice::sluicectl
