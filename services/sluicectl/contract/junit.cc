#include "sluicectl/contract/junit.h"

#include <algorithm>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/strings.h"
#include "sluicectl/json.h"

namespace sluice::sluicectl {
namespace {

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(Json(text).Text(),
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

}  // namespace

std::string JunitXml(const std::string& suite, const std::vector<JunitCase>& cases) {
  const auto failures = std::count_if(cases.begin(), cases.end(),
                                      [](const JunitCase& c) { return c.failure.has_value(); });
  std::string xml = Concat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"",
                           Escaped(suite), "\" tests=\"", cases.size(), "\" failures=\"", failures,
                           "\" errors=\"0\" skipped=\"0\">\n");
  for (const JunitCase& c : cases) {
    Append(&xml, "  <testcase classname=\"", Escaped(c.group), "\" name=\"", Escaped(c.name), "\"");
    if (!c.failure) {
      xml += "/>\n";
      continue;
    }
    Append(&xml, ">\n    <failure message=\"", Escaped(*c.failure), "\">");
    for (const absl::string_view line : absl::StrSplit(c.details, '\n', absl::SkipEmpty())) {
      Append(&xml, Escaped(std::string(line)), "\n");
    }
    xml += "</failure>\n  </testcase>\n";
  }
  return xml + "</testsuite>\n";
}

}  // namespace sluice::sluicectl
