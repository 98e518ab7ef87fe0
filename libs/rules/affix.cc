#include "rules/affix.h"

namespace sluice::rules {

std::optional<Affix> AffixOf(std::string_view pattern) {
  Affix affix{"", true, true};
  for (; !pattern.empty() && pattern.front() == '%'; pattern.remove_prefix(1)) affix.begins = false;
  while (!pattern.empty()) {
    const char character = pattern.front();
    pattern.remove_prefix(1);
    if (character == '_' || !affix.ends) return std::nullopt;
    if (character == '%') {
      while (!pattern.empty() && pattern.front() == '%') pattern.remove_prefix(1);
      affix.ends = false;
    } else if (character == '\\') {
      affix.text += pattern.front();  // CompileLike has refused one that ends with its escape
      pattern.remove_prefix(1);
    } else {
      affix.text += character;
    }
  }
  return affix;
}

}  // namespace sluice::rules
