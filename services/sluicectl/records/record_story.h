#pragma once
// Everything that is known of one source record, told in chapters.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "contract/pipeline.h"
#include "kafka/admin.h"
#include "postgres/connection.h"
#include "sluicectl/records/record_search.h"
#include "sluicectl/records/record_trail.h"
#include "sluicectl/records/redaction.h"
#include "sluicectl/table.h"
#include "stage/contract_store.h"

namespace sluice::sluicectl {

class RecordStory {
 public:
  /// Chapters for people.
  std::string ToText() const;
  /// One object: a member per chapter.
  Json ToJson() const;
  /// Whether anybody knows of the record.
  bool known() const { return known_; }

 private:
  friend class StoryTeller;
  std::vector<std::pair<std::string, Table>> chapters_;
  bool known_ = false;
};

/// Borrows all it is made of; `database` may be null.
class StoryTeller {
 public:
  StoryTeller(const contract::PipelineConfig& pipeline, kafka::Admin* admin,
              stage::ContractStore* contracts, postgres::Connection* database, Redaction redaction)
      : pipeline_(pipeline),
        admin_(*admin),
        contracts_(*contracts),
        database_(database),
        redaction_(std::move(redaction)) {}

  absl::StatusOr<RecordStory> Tell(RecordPlace place);

 private:
  absl::StatusOr<std::vector<TrailPoint>> FindTrail(RecordPlace place);
  absl::Status TellSource(RecordPlace place, RecordStory* story);
  absl::Status TellStages(const std::vector<TrailPoint>& trail, RecordStory* story);
  absl::Status TellRows(RecordPlace place, RecordStory* story);
  absl::Status TellCommit(RecordPlace place, RecordStory* story);

  const contract::PipelineConfig& pipeline_;
  kafka::Admin& admin_;
  stage::ContractStore& contracts_;
  postgres::Connection* database_;
  Redaction redaction_;
};

}  // namespace sluice::sluicectl
