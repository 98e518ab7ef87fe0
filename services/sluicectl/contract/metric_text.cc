#include "sluicectl/contract/metric_text.h"

#include "contract/timestamp.h"
#include "sluicectl/json.h"

namespace sluice::sluicectl {

std::string NumberText(double number) { return Json(number).Dump(); }

std::string TimeText(int64_t micros) {
  std::string text;
  contract::AppendTimestamp(micros, &text);
  return text;
}

}  // namespace sluice::sluicectl
