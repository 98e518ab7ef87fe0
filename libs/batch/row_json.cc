#include "batch/row_json.h"

#include <algorithm>
#include <cmath>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "batch/schema.h"
#include "contract/classification.h"
#include "contract/timestamp.h"

namespace sluice::batch {
namespace {

/// Length of the UTF-8 sequence at the head of `text`, 0 when it is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                        : lead >= 0xE0 && lead < 0xF0 ? 3
                        : lead >= 0xF0 && lead < 0xF5 ? 4
                                                      : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) >= 0xA0) ||
      (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) >= 0x90)) {
    return 0;
  }
  return length;
}

/// What must not reach a terminal, of the UTF-8 sequence at the head of `text`: control characters
/// (those of C1 drive terminals as much as those of C0 do) and marks that turn the direction of the
/// text around them. 0: nothing of the kind.
uint32_t Unprintable(std::string_view text, size_t length) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (length == 1) return byte(0) == 0x7F ? 0x7F : 0;
  if (length == 2) return byte(0) == 0xC2 && byte(1) < 0xA0 ? byte(1) : 0;
  if (length != 3 || byte(0) != 0xE2) return 0;
  const uint32_t code_point = 0x2000 + ((byte(1) & 0x3Fu) << 6) + (byte(2) & 0x3Fu);
  const bool turns = (code_point >= 0x202A && code_point <= 0x202E) ||
                     (code_point >= 0x2066 && code_point <= 0x2069);
  return turns ? code_point : 0;
}

void AppendEscape(uint32_t code_point, std::string* out) {
  absl::StrAppend(out, absl::StrFormat("\\u%04x", code_point));
}

/// Append the UTF-8 sequence at the head of `text`, or its escape where it is none or must not
/// reach a terminal. Returns its length.
size_t AppendCharacter(std::string_view text, std::string* out) {
  const unsigned char c = static_cast<unsigned char>(text[0]);
  const size_t length = Utf8Length(text);
  if (length == 0 || c < 0x20) {
    AppendEscape(c, out);
  } else if (const uint32_t code_point = Unprintable(text, length); code_point != 0) {
    AppendEscape(code_point, out);
  } else {
    out->append(text.substr(0, length));
  }
  return length == 0 ? 1 : length;
}

/// An object of an array: JSON without white space. Bytes that are none are escaped, too.
void AppendObjectText(std::string_view json, std::string* out) {
  while (!json.empty()) json.remove_prefix(AppendCharacter(json, out));
}

/// `append`: called with the index of each item.
template <typename Append>
void AppendItems(const arrow::ListArray& list, int64_t row, std::string* out, Append append) {
  out->push_back('[');
  for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
    if (i > list.value_offset(row)) out->push_back(',');
    append(i);
  }
  out->push_back(']');
}

void AppendValue(const arrow::Array& column, int64_t row, std::string* out) {
  if (column.IsNull(row)) {
    out->append("null");
    return;
  }
  switch (column.type_id()) {
    case arrow::Type::STRING:
      AppendJsonString(static_cast<const arrow::StringArray&>(column).GetView(row), out);
      break;
    case arrow::Type::INT64:
      absl::StrAppend(out, static_cast<const arrow::Int64Array&>(column).Value(row));
      break;
    case arrow::Type::DOUBLE: {
      const double value = static_cast<const arrow::DoubleArray&>(column).Value(row);
      out->append(std::isfinite(value) ? absl::StrFormat("%.17g", value) : "null");
      break;
    }
    case arrow::Type::BOOL:
      out->append(static_cast<const arrow::BooleanArray&>(column).Value(row) ? "true" : "false");
      break;
    case arrow::Type::DATE32: {
      std::string text;
      contract::AppendDate(static_cast<const arrow::Date32Array&>(column).Value(row), &text);
      AppendJsonString(text, out);
      break;
    }
    case arrow::Type::TIME64: {
      std::string text;
      contract::AppendTimeOfDay(static_cast<const arrow::Time64Array&>(column).Value(row), &text);
      AppendJsonString(text, out);
      break;
    }
    case arrow::Type::TIMESTAMP: {
      const absl::Time time =
          absl::FromUnixMicros(static_cast<const arrow::TimestampArray&>(column).Value(row));
      AppendJsonString(absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ", time, absl::UTCTimeZone()), out);
      break;
    }
    case arrow::Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(column);
      AppendItems(list, row, out, [&](int64_t i) { AppendValue(*list.values(), i, out); });
      break;
    }
    default:
      out->append("null");
  }
}

void AppendObjects(const arrow::Array& column, int64_t row, std::string* out) {
  const auto& list = static_cast<const arrow::ListArray&>(column);
  const auto& objects = static_cast<const arrow::StringArray&>(*list.values());
  AppendItems(list, row, out, [&](int64_t i) {
    objects.IsNull(i) ? void(out->append("null")) : AppendObjectText(objects.GetView(i), out);
  });
}

/// `hide`: whether the values of a column of the contract are to be hidden.
using Hide = absl::FunctionRef<bool(const contract::Column&)>;

class RowWriter {
 public:
  RowWriter(const contract::Contract& contract, const arrow::RecordBatch& rows, int64_t row,
            Hide hide, std::string* out)
      : contract_(contract), rows_(rows), row_(row), hide_(hide), out_(out) {}

  /// The members of `object` (-1: of the record): the columns from `begin` to before `end`.
  void AppendMembers(int object, int begin, int end) {
    out_->push_back('{');
    for (int column = begin; column < end;) {
      if (column > begin) out_->push_back(',');
      const int inner = contract_.ObjectBetween(object, column);
      if (inner >= 0) {
        const contract::Object& spec = contract_.objects[static_cast<size_t>(inner)];
        AppendName(spec.name, object);
        AppendObject(inner, spec);
        column = spec.end_column;
      } else {
        const contract::Column& spec = contract_.columns[static_cast<size_t>(column)];
        AppendName(spec.name, object);
        if (hide_(spec) && Cells(column).IsValid(row_)) {
          AppendJsonString(contract::kRedacted, out_);
        } else if (spec.type == contract::LogicalType::kJson && Cells(column).IsValid(row_)) {
          AppendObjects(Cells(column), row_, out_);
        } else {
          AppendValue(Cells(column), row_, out_);
        }
        ++column;
      }
    }
    out_->push_back('}');
  }

 private:
  const arrow::Array& Cells(int column) const { return *rows_.column(kSystemColumns + column); }

  void AppendName(std::string_view path, int object) {
    AppendJsonString(contract_.MemberName(path, object), out_);
    out_->push_back(':');
  }

  void AppendObject(int object, const contract::Object& spec) {
    bool all_null = !spec.required;
    for (int column = spec.first_column; all_null && column < spec.end_column; ++column)
      all_null = Cells(column).IsNull(row_);
    if (all_null) {
      out_->append("null");
    } else {
      AppendMembers(object, spec.first_column, spec.end_column);
    }
  }

  const contract::Contract& contract_;
  const arrow::RecordBatch& rows_;
  const int64_t row_;
  const Hide hide_;
  std::string* const out_;
};

std::string ToJson(const contract::Contract& contract, const arrow::RecordBatch& rows, int64_t row,
                   Hide hide) {
  std::string json;
  RowWriter(contract, rows, row, hide, &json)
      .AppendMembers(-1, 0, static_cast<int>(contract.columns.size()));
  return json;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    if (text[0] == '"' || text[0] == '\\') out->push_back('\\');
    text.remove_prefix(AppendCharacter(text, out));
  }
  out->push_back('"');
}

std::string PrintableJson(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const size_t length = std::max<size_t>(Utf8Length(json), 1);
    if (const uint32_t code_point = Unprintable(json, length); code_point != 0) {
      AppendEscape(code_point, &out);
    } else {
      out.append(json.substr(0, length));
    }
    json.remove_prefix(length);
  }
  return out;
}

std::string RowJson(const contract::Contract& contract, const arrow::RecordBatch& rows,
                    int64_t row) {
  return ToJson(contract, rows, row, [](const contract::Column&) { return false; });
}

std::string RedactedRowJson(const contract::Contract& contract, const arrow::RecordBatch& rows,
                            int64_t row) {
  return ToJson(contract, rows, row, contract::IsClassified);
}

std::string RedactedRowJson(const contract::Contract& contract, const arrow::RecordBatch& rows,
                            int64_t row, const std::set<std::string>& columns) {
  return ToJson(contract, rows, row,
                [&](const contract::Column& column) { return columns.count(column.name) > 0; });
}

}  // namespace sluice::batch
