#pragma once
// What the columns of a CSV file become in a record: members, with the contract's objects around
// those whose names are paths.

#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"
#include "sample/csv_rows.h"

namespace sluice::sample {

class CsvMembers {
 public:
  /// `contract`: what cells are meant to be. Null: every cell is a text of the record.
  explicit CsvMembers(const contract::Contract* contract) : contract_(contract) {}

  /// Cell number `cell` is called `name`. False: it is an object, and another cell is in that
  /// object, or the other way round.
  bool Add(std::string_view name, int cell);

  /// A row as a JSON object, behind what is in `json`. An object without a cell that has a value is
  /// null.
  void AppendRecord(const std::vector<CsvCell>& cells, std::string* json) const;

 private:
  struct Member {
    std::string key;                           // `"name":`
    int cell = -1;                             // -1: an object
    const contract::Column* column = nullptr;  // null: the contract has none
    std::vector<Member> members;               // of an object
  };

  std::vector<Member>* MembersOf(int object, std::vector<Member>* of_record);
  static bool HasValue(const Member& member, const std::vector<CsvCell>& cells);
  static void AppendCell(const CsvCell& cell, const contract::Column* column, std::string* json);
  static void AppendMembers(const std::vector<Member>& members, const std::vector<CsvCell>& cells,
                            std::string* json);

  const contract::Contract* const contract_;
  std::vector<Member> members_;
};

}  // namespace sluice::sample
