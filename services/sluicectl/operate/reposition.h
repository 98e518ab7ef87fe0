#pragma once
// What seek, repair and accept-loss print: where a partition was and where it is (or would be)
// then.

#include "sluicectl/operate/process.h"
#include "sluicectl/table.h"

namespace sluice::sluicectl {

template <typename Response>
void PrintMove(const Target& target, int32_t partition, const Response& response, bool dry_run,
               Format format) {
  Table table({"endpoint", "pipeline", "stage", "partition", "from", "to", "done"});
  table.AddRow({target.process->endpoint, target.pipeline->pipeline(), target.pipeline->stage(),
                partition, response.from(), response.to(), !dry_run});
  Print(table, format);
}

}  // namespace sluice::sluicectl
