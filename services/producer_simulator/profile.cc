#include "producer_simulator/profile.h"

#include <bit>
#include <optional>
#include <set>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "base/strings.h"
#include "contract/pipeline.h"
#include "contract/suggestion.h"
#include "contract/text_file.h"
#include "contract/timestamp.h"
#include "contract/yaml_reader.h"
#include "producer_simulator/hash.h"
#include "producer_simulator/json_text.h"

namespace sluice::producer_simulator {
namespace {

using contract::Diagnostics;
using contract::KeySpec;
using contract::KeyUse;
using contract::MapReader;
using contract::YamlNode;

const std::vector<KeySpec> kRootKeys = {
    {"version", KeyUse::kExecuted}, {"profile", KeyUse::kExecuted},
    {"fleet", KeyUse::kExecuted},   {"key", KeyUse::kExecuted},
    {"faults", KeyUse::kExecuted},  {"variants", KeyUse::kExecuted}};
const std::vector<KeySpec> kFleetKeys = {{"cars", KeyUse::kExecuted},
                                         {"interval", KeyUse::kExecuted},
                                         {"start_time", KeyUse::kExecuted},
                                         {"latitude", KeyUse::kExecuted},
                                         {"longitude", KeyUse::kExecuted}};
const std::vector<KeySpec> kVariantKeys = {{"fault", KeyUse::kExecuted},
                                           {"set", KeyUse::kExecuted},
                                           {"remove", KeyUse::kExecuted},
                                           {"rules", KeyUse::kExecuted}};

class ProfileReader {
 public:
  ProfileReader(Profile* profile, Diagnostics* diagnostics)
      : profile_(profile), diagnostics_(diagnostics) {}

  void Read(const YamlNode& root);

 private:
  void ReadFleet(const YamlNode& node);
  void ReadFaults(const YamlNode& node);
  void ReadVariant(const YamlNode& node);
  std::optional<Fault> ReadLabel(const YamlNode& node);
  std::vector<std::string> ReadTexts(const MapReader& map, std::string_view key);
  void ReadNumber(const MapReader& map, std::string_view key, double min, double max,
                  double* value);
  void CheckVariants(const YamlNode& root);

  Profile* profile_;
  Diagnostics* diagnostics_;
};

void ProfileReader::Read(const YamlNode& root) {
  const MapReader map(root, kRootKeys, "a simulator profile", diagnostics_);
  if (map.RequiredText("version").value_or("1") != "1") {
    diagnostics_->Error(*map.Find("version"), "invalid-value", "the version is 1");
  }
  (void)map.RequiredText("profile");
  (void)map.OneOf("profile", {"car_trips"});
  if (const YamlNode* fleet = map.Find("fleet")) ReadFleet(*fleet);
  if (map.OneOf("key", {"car_id", "trip_id"}) == "trip_id") profile_->key = Profile::Key::kTripId;
  if (const std::vector<YamlNode>* variants = map.List("variants")) {
    for (const YamlNode& variant : *variants) ReadVariant(variant);
  }
  if (const YamlNode* faults = map.Find("faults")) {
    ReadFaults(*faults);
  } else {
    profile_->faults = FaultMix::Default();
  }
  CheckVariants(root);
}

void ProfileReader::ReadNumber(const MapReader& map, std::string_view key, double min, double max,
                               double* value) {
  const std::optional<std::string> text = map.Text(key);
  if (!text.has_value()) return;
  if (!absl::SimpleAtod(*text, value) || !(*value >= min && *value <= max)) {
    diagnostics_->Error(*map.Find(key), "invalid-value",
                        Concat("a number between ", min, " and ", max, " is needed"));
  }
}

void ProfileReader::ReadFleet(const YamlNode& node) {
  const MapReader map(node, kFleetKeys, "the fleet", diagnostics_);
  if (const std::optional<int64_t> cars = map.Integer("cars")) {
    profile_->cars = *cars;
    if (*cars < 1 || *cars > 1'000'000) {
      diagnostics_->Error(*map.Find("cars"), "invalid-value", "1 to 1000000 cars");
    }
  }
  if (const std::optional<std::string> interval = map.Text("interval")) {
    const absl::StatusOr<absl::Duration> parsed = contract::ParseDuration(*interval);
    if (!parsed.ok() || *parsed < absl::Milliseconds(1) || *parsed > absl::Minutes(10)) {
      diagnostics_->Error(*map.Find("interval"), "invalid-value", "1ms to 10m");
    } else {
      profile_->interval_us = absl::ToInt64Microseconds(*parsed);
    }
  }
  if (const std::optional<std::string> start = map.Text("start_time")) {
    if (!contract::ParseTimestamp(*start, &profile_->start_time_us)) {
      diagnostics_->Error(*map.Find("start_time"), "invalid-value",
                          "a time such as 2024-03-10T22:30:00Z is needed");
    }
  }
  ReadNumber(map, "latitude", -80, 80, &profile_->latitude);
  ReadNumber(map, "longitude", -170, 170, &profile_->longitude);
}

std::optional<Fault> ProfileReader::ReadLabel(const YamlNode& node) {
  const std::optional<Fault> fault = ParseFault(node.scalar);
  if (!fault.has_value()) {
    diagnostics_->Error(node, "unknown-key",
                        Concat("no fault is called \"", node.scalar.substr(0, 60), "\"",
                               contract::DidYouMean(node.scalar, FaultLabels())));
  }
  return fault;
}

void ProfileReader::ReadFaults(const YamlNode& node) {
  if (!node.IsMap()) {
    diagnostics_->Error(node, "wrong-type", "the faults are a map of labels and shares");
    return;
  }
  for (const contract::YamlMember& member : node.members) {
    const std::optional<Fault> fault = ReadLabel(member.key);
    if (!fault.has_value()) continue;
    absl::StatusOr<uint32_t> ppm = ParseShare(member.value.scalar);
    absl::Status status = ppm.status();
    if (status.ok()) status = profile_->faults.Set(*fault, *ppm);
    if (!status.ok()) {
      diagnostics_->Error(member.value, "invalid-value", std::string(StdView(status.message())));
    }
  }
}

std::vector<std::string> ProfileReader::ReadTexts(const MapReader& map, std::string_view key) {
  std::vector<std::string> texts;
  if (!map.Has(key)) return texts;
  if (const std::vector<YamlNode>* items = map.List(key)) {
    for (const YamlNode& item : *items) {
      if (item.IsScalar()) {
        texts.push_back(item.scalar);
      } else {
        diagnostics_->Error(item, "wrong-type", "a name is needed");
      }
    }
  }
  return texts;
}

void ProfileReader::ReadVariant(const YamlNode& node) {
  const MapReader map(node, kVariantKeys, "a variant", diagnostics_);
  if (!map.RequiredText("fault").has_value()) return;
  const std::optional<Fault> fault = ReadLabel(*map.Find("fault"));
  if (!fault.has_value()) return;
  if (!Describe(*fault).of_variants) {
    diagnostics_->Error(*map.Find("fault"), "invalid-value", "this fault has no variants");
    return;
  }
  Variant variant;
  variant.fault = *fault;
  variant.remove = ReadTexts(map, "remove");
  variant.rules = ReadTexts(map, "rules");
  if (const YamlNode* set = map.Find("set"); set != nullptr && set->IsMap()) {
    for (const contract::YamlMember& member : set->members) {
      std::string json;
      if (member.value.IsNull()) {
        json = "null";
      } else if (member.value.plain) {
        json = member.value.scalar;
      } else {
        AppendJsonString(member.value.scalar, &json);
      }
      variant.set.emplace_back(member.key.scalar, std::move(json));
    }
  } else if (set != nullptr) {
    diagnostics_->Error(*set, "wrong-type", "members and their values are needed");
  }
  if (variant.set.empty() && variant.remove.empty()) {
    diagnostics_->Error(node, "missing-key",
                        "a variant changes something: give \"set\" or \"remove\"");
  }
  profile_->variants.push_back(std::move(variant));
}

void ProfileReader::CheckVariants(const YamlNode& root) {
  std::set<Fault> known;
  for (const Variant& variant : profile_->variants) known.insert(variant.fault);
  for (size_t i = 1; i < kFaultCount; ++i) {
    const Fault fault = static_cast<Fault>(i);
    if (!Describe(fault).of_variants || profile_->faults.ppm(fault) == 0 || known.contains(fault)) {
      continue;
    }
    diagnostics_->Error(root, "missing-key",
                        Concat("the fault \"", Describe(fault).label, "\" needs a variant"));
  }
}

std::string Fingerprint(const Profile& profile) {
  uint64_t hash =
      Hash(1, profile.cars, profile.interval_us, profile.start_time_us,
           std::bit_cast<uint64_t>(profile.latitude), std::bit_cast<uint64_t>(profile.longitude),
           static_cast<uint64_t>(profile.key));
  const auto mix = [&hash](std::string_view text) {
    for (const char c : text) hash = Mix(hash, static_cast<unsigned char>(c));
    hash = Mix(hash, 0x100);
  };
  for (const Variant& variant : profile.variants) {
    mix(Describe(variant.fault).label);
    for (const auto& [member, value] : variant.set) mix(member), mix(value);
    for (const std::string& member : variant.remove) mix(member);
    for (const std::string& rule : variant.rules) mix(rule);
  }
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

}  // namespace

absl::StatusOr<Profile> ParseProfile(std::string_view text, std::string_view file_name) {
  Profile profile;
  Diagnostics diagnostics(file_name);
  const std::optional<YamlNode> root = contract::ParseYaml(text, &diagnostics);
  if (root.has_value()) ProfileReader(&profile, &diagnostics).Read(*root);
  if (!diagnostics.ok()) {
    return absl::InvalidArgumentError(contract::ToString(diagnostics.Errors()));
  }
  profile.fingerprint = Fingerprint(profile);
  return profile;
}

absl::StatusOr<Profile> LoadProfile(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, contract::ReadTextFile(path));
  return ParseProfile(text, path);
}

}  // namespace sluice::producer_simulator
