#include "sluicectl/json.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "base/strings.h"
#include "batch/row_json.h"

namespace sluice::sluicectl {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  batch::AppendJsonString(text, &out);
  return out;
}

}  // namespace

Json Json::Raw(std::string_view text) {
  Json json;
  json.value_ = RawText{batch::PrintableJson(text)};
  return json;
}

Json& Json::Add(Json element) {
  std::get<Members>(value_).emplace_back("", std::move(element));
  return *this;
}

Json& Json::Set(std::string key, Json value) {
  std::get<Members>(value_).emplace_back(std::move(key), std::move(value));
  return *this;
}

bool Json::is_number() const {
  return std::holds_alternative<int64_t>(value_) || std::holds_alternative<double>(value_);
}

std::string Json::Dump() const {
  std::string out;
  Append(&out);
  return out;
}

void Json::Append(std::string* out) const {
  if (const auto* members = std::get_if<Members>(&value_)) {
    out->push_back(object_ ? '{' : '[');
    for (size_t i = 0; i < members->size(); ++i) {
      if (i > 0) out->append(", ");
      if (object_) sluice::Append(out, Quoted((*members)[i].first), ": ");
      (*members)[i].second.Append(out);
    }
    out->push_back(object_ ? '}' : ']');
  } else if (const auto* text = std::get_if<std::string>(&value_)) {
    out->append(Quoted(*text));
  } else if (const auto* raw = std::get_if<RawText>(&value_)) {
    out->append(raw->text);
  } else if (const auto* number = std::get_if<double>(&value_)) {
    out->append(std::isfinite(*number) ? absl::StrFormat("%.15g", *number) : "null");
  } else if (const auto* integer = std::get_if<int64_t>(&value_)) {
    sluice::Append(out, *integer);
  } else if (const auto* boolean = std::get_if<bool>(&value_)) {
    out->append(*boolean ? "true" : "false");
  } else {
    out->append("null");
  }
}

std::string Json::Text() const {
  if (std::holds_alternative<std::monostate>(value_)) return "-";
  if (const auto* text = std::get_if<std::string>(&value_)) {
    // The inside of the JSON form: no control character can reach the terminal.
    const std::string quoted = Quoted(*text);
    std::string out = quoted.substr(1, quoted.size() - 2);
    for (size_t at = 0; (at = out.find("\\\"", at)) != std::string::npos; ++at) out.erase(at, 1);
    return out;
  }
  return Dump();
}

}  // namespace sluice::sluicectl
