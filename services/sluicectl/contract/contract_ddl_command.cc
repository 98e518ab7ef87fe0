#include "base/status.h"
#include "sluicectl/contract/contract_commands.h"
#include "sluicectl/table.h"
#include "tables/postgres_ddl.h"

namespace sluice::sluicectl {
namespace {

/// The names a pipeline for this contract would have, if it were named after its table.
contract::PipelineConfig PipelineFor(const contract::Contract& contract) {
  contract::PipelineConfig pipeline;
  pipeline.name = contract.table;
  pipeline.postgres.emplace();
  pipeline.postgres->clean_table = contract.table;
  pipeline.postgres->failed_table = contract.table + "_failed";
  pipeline.postgres->corrupt_table = contract.table + "_corrupt";
  pipeline.postgres->audit_view = contract.table + "_audit";
  return pipeline;
}

class ContractDdlCommand : public Command {
 public:
  const char* name() const override { return "ddl"; }
  const char* description() const override {
    return "The tables that the storage-writer would make, as SQL";
  }
  void AddFlags(CLI::App& app) override {
    app.add_option("CONTRACT", path_, "A contract, or a pipeline's file or folder")->required();
    app.footer(
        "With a pipeline, its table names and partitions. With a contract alone, tables named "
        "after\nits own. The audit view needs the schema `sluice` (sluicectl migrate).\n\n"
        "Examples:\n"
        "  sluicectl contract ddl pipelines/orders\n"
        "  sluicectl contract ddl orders.odcs.yaml | psql mydb");
  }
  absl::StatusOr<Outcome> Run(const Settings& settings) override {
    SLUICE_ASSIGN_OR_RETURN(const ContractFiles files, LoadContractFiles(path_));
    const contract::PipelineConfig pipeline =
        files.pipeline ? *files.pipeline : PipelineFor(*files.contract);
    if (!pipeline.postgres) {
      return absl::InvalidArgumentError(
          Concat(pipeline.file, " has no sink `postgres`: there are no tables to make"));
    }
    const absl::StatusOr<Table> table = Tables(*files.contract, pipeline);
    if (!table.ok()) return AsUsage(table.status());
    if (settings.format == Format::kJson) {
      Print(*table, settings.format);
    } else {
      PrintLine(sql_);
    }
    return Outcome::kFine;
  }

 private:
  absl::StatusOr<Table> Tables(const contract::Contract& contract,
                               const contract::PipelineConfig& pipeline) {
    Table table({"table", "name", "sql"});
    for (int role = 0; role < tables::kTableRoles; ++role) {
      SLUICE_ASSIGN_OR_RETURN(
          const tables::TableLayout layout,
          tables::MakeLayout(contract, *pipeline.postgres, static_cast<tables::TableRole>(role)));
      Add(tables::kTableRoleNames[role], layout.table,
          tables::CreateTableSql(layout, pipeline.name), &table);
    }
    Add("audit", pipeline.postgres->audit_view,
        tables::CreateAuditViewSql(contract, *pipeline.postgres), &table);
    sql_.pop_back();
    return table;
  }

  void Add(const char* role, const std::string& name, const std::string& sql, Table* table) {
    Append(&sql_, sql_.empty() ? "" : "\n", sql);
    table->AddRow({role, name, sql});
  }

  std::string path_;
  std::string sql_;
};

}  // namespace

std::unique_ptr<Command> MakeContractDdlCommand() { return std::make_unique<ContractDdlCommand>(); }

}  // namespace sluice::sluicectl
