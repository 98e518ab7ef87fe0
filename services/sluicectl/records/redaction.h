#pragma once
// What an operator is not shown unless they ask for it: values of columns that the contract
// classifies, and bytes that may hold them.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "arrow/type_fwd.h"
#include "contract/contract.h"
#include "contract/pipeline.h"
#include "postgres/connection.h"
#include "sluicectl/json.h"

namespace CLI {
class App;
}

namespace sluice::sluicectl {

class Redaction {
 public:
  /// By the contract of the pipeline file; nothing is hidden when `show`.
  static absl::StatusOr<Redaction> Of(const contract::PipelineConfig& pipeline, bool show);

  /// By another contract too: that by which a record was judged.
  void Add(const contract::Contract& contract);

  /// Whether anything is hidden, so that nobody may see the bytes of a record.
  bool any() const { return !columns_.empty(); }
  /// Whether a rule looks at a column that is hidden.
  bool Hides(const contract::Contract& contract, const contract::Rule& rule) const;
  /// Row `row` of a batch of that contract as JSON.
  std::string Row(const contract::Contract& contract, const arrow::RecordBatch& rows,
                  int64_t row) const;
  /// Bytes of a record or a key; null when there are none.
  Json Bytes(std::optional<std::string_view> bytes) const;
  /// An expression for the row `t` of a table as JSON, whose columns `bytes` hold bytes of a
  /// record. Its parameters are appended to `parameters`.
  std::string RowSql(const std::vector<std::string>& bytes,
                     std::vector<postgres::Parameter>* parameters) const;

 private:
  explicit Redaction(bool show) : show_(show) {}

  bool show_;
  std::set<std::string> columns_;
  std::set<std::string> table_columns_;  // their names in PostgreSQL
};

/// --show-classified.
void AddShowClassified(CLI::App* app, bool* show);

}  // namespace sluice::sluicectl
