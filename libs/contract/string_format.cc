#include "contract/string_format.h"

#include <vector>

#include "base/strings.h"

namespace sluice::contract {
namespace {

constexpr std::string_view kByte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

/// IPv4address of RFC 3986, appendix A.
std::string Ipv4() { return Concat(kByte, "(\\.", kByte, "){3}"); }

/// IPv6address of RFC 3986, appendix A: `::` stands for as many groups as are missing.
std::string Ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last_two = Concat("(", group, ":", group, "|", Ipv4(), ")");
  std::string all = Concat("((", group, ":){6}", last_two);
  for (int before = 0; before <= 7; ++before) {
    // Up to `before` groups, the gap, and the groups behind it.
    if (before == 0) {
      Append(&all, "|::");
    } else {
      Append(&all, "|((", group, ":){0,", before - 1, "}", group, ")?::");
    }
    if (before < 5) Append(&all, "(", group, ":){", 5 - before, "}");
    if (before <= 5) Append(&all, last_two);
    if (before == 6) Append(&all, group);
  }
  return all + ")";
}

/// RFC 3986, appendix A, with a scheme.
std::string Uri() {
  const std::string plain = "A-Za-z0-9._~!$&'()*+,;=-";  // unreserved and sub-delims
  const auto characters = [&](std::string_view more) {
    return Concat("([", more, plain, "]|%[0-9A-Fa-f]{2})");
  };
  const std::string segment = Concat(characters(":@"), "*");
  const std::string first_segment = Concat(characters(":@"), "+");
  const std::string tail = Concat(characters(":@/?"), "*");
  const std::string host =
      Concat("(\\[(", Ipv6(), "|[vV][0-9A-Fa-f]+\\.[:", plain, "]+)\\]|", characters(""), "*)");
  const std::string authority = Concat("(", characters(":"), "*@)?", host, "(:[0-9]*)?");
  const std::string more_segments = Concat("(/", segment, ")*");
  return Concat("[A-Za-z][A-Za-z0-9+.-]*:(//", authority, more_segments, "|/(", first_segment,
                more_segments, ")?|", first_segment, more_segments, "|)(\\?", tail, ")?(#", tail,
                ")?");
}

std::string Hostname() {
  const std::string label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  return Concat(label, "(\\.", label, ")*");
}

std::vector<StringFormat> MakeFormats() {
  return {
      {"uuid", "not a uuid", "RFC 9562: hexadecimal with dashes",
       "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"},
      {"email", "not an email address", "one @ before a dotted name, no white space",
       "^[^@\\s]+@[^@\\s.]+(\\.[^@\\s.]+)*$"},
      {"ipv4", "not an IPv4 address", "RFC 3986: IPv4address", Concat("^", Ipv4(), "$")},
      {"ipv6", "not an IPv6 address", "RFC 3986: IPv6address", Concat("^", Ipv6(), "$")},
      {"hostname", "not a hostname", "RFC 1123, 2.1: labels of at most 63 characters, 253 in all",
       Concat("^", Hostname(), "$"), 253},
      {"uri", "not a URI", "RFC 3986: URI", Concat("^", Uri(), "$")},
      {"byte", "not base64", "RFC 4648, 4: base64 with padding",
       "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"},
  };
}

}  // namespace

absl::Span<const StringFormat> StringFormats() {
  static const auto& formats = *new std::vector<StringFormat>(MakeFormats());
  return formats;
}

const StringFormat* FindStringFormat(std::string_view name) {
  for (const StringFormat& format : StringFormats()) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

}  // namespace sluice::contract
