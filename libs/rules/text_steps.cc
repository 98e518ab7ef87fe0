#include <string>

#include "re2/re2.h"
#include "rules/letter_case.h"
#include "rules/steps.h"

namespace sluice::rules::steps {
namespace {

/// Code points of valid UTF-8.
int64_t CodePoints(std::string_view text) {
  int64_t count = 0;
  for (unsigned char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

/// Without the spaces at both ends.
std::string_view WithoutSpaces(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return text.substr(0, 0);
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Into characters of our own; they move while they grow, so the views come last.
template <typename F>
void MapText(const Step& step, F append) {
  step.CombineValidity();
  const int rows = step.rows;
  const uint8_t* valid = step.left.valid;
  const std::string_view* text = step.left.As<std::string_view>();
  std::string_view* out = step.Target<std::string_view>();
  std::string& characters = step.Text();
  characters.clear();
  uint32_t lengths[kChunkRows];
  size_t begin = 0;
  for (int i = 0; i < rows; ++i) {
    if (IsValid(valid, i)) append(text[i], &characters);
    lengths[i] = static_cast<uint32_t>(characters.size() - begin);
    begin = characters.size();
  }
  const char* at = characters.data();
  for (int i = 0; i < rows; ++i) {
    out[i] = std::string_view(at, lengths[i]);
    at += lengths[i];
  }
}

}  // namespace

/// The costly one: only rows that count are looked at.
void Matches(const Step& step) {
  step.CombineValidity();
  const int rows = step.rows;
  const uint8_t* judged = step.judged;
  const uint8_t* valid = step.left.valid;
  const std::string_view* text = step.left.As<std::string_view>();
  uint8_t* out = step.Target<uint8_t>();
  for (int i = 0; i < rows; ++i) {
    out[i] = judged[i] != 0 && IsValid(valid, i) != 0 &&
             re2::RE2::PartialMatch(re2::StringPiece(text[i].data(), text[i].size()),
                                    *step.instruction.pattern);
  }
}

void FitsAffix(const Step& step) {
  step.MapLeft<uint8_t, std::string_view>(
      [affix = step.instruction.affix.get()](std::string_view v) { return affix->Fits(v); });
}

void Length(const Step& step) { step.MapLeft<int64_t, std::string_view>(CodePoints); }
void Lower(const Step& step) { MapText(step, AppendLower); }
void Upper(const Step& step) { MapText(step, AppendUpper); }
void Trim(const Step& step) { step.MapLeft<std::string_view, std::string_view>(WithoutSpaces); }

}  // namespace sluice::rules::steps
