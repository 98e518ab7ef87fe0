#pragma once
// Every key of the pipeline file in one table; parsing, messages and the reference page follow from
// it.

#include <string>
#include <string_view>
#include <vector>

#include "contract/pipeline.h"

namespace sluice::contract {

struct PipelineKey {
  /// From the root, joined with dots. The items of `sinks` are maps with one key, the kind of sink:
  /// `sinks.postgres.schema`.
  std::string_view path;
  /// The map this key must be present in, when that map is there; "" for the root, "-" for an
  /// optional key.
  std::string_view required_in;
  std::string_view values;  ///< what may be written, with the default
  std::string_view meaning;
  /// Put the text into the configuration; the answer is empty, or what is wrong.
  std::string (*set)(std::string_view text, PipelineConfig* config);
};

const std::vector<PipelineKey>& PipelineKeys();

}  // namespace sluice::contract
