// SPDX-License-Identifier: GPL-3.0-or-later
// The `rules` key: names of rules with their settings. Which rules exist is not known here.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "config_reader.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostRules = 1000;
constexpr std::uint64_t kMostCounted = 1'000'000;
constexpr std::chrono::seconds kLongestRuleWindow = std::chrono::hours(52 * 7 * 24);

}  // namespace

void ConfigReader::rules(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::nothing) return;
  if (node.kind != ConfigNode::Kind::map)
    return complain(
        node, "rule names with their settings are expected, as in\n  rules:\n    the-rule: {points: 0}");
  if (node.replace) config_.rules.clear();
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < std::min(node.keys.size(), node.items.size()); ++i) {
    const ConfigNode& name = node.keys[i];
    if (name.kind != ConfigNode::Kind::scalar)
      complain(name, "a rule's name must be a word");
    else if (!seen.insert(name.text).second)
      complain(name, fmt::format("\"{}\" stands twice", escape(name.text)));
    else
      rule(name, node.items[i]);
  }
}

// One setting of one rule; what the whole world of rules has in common is read elsewhere.
void ConfigReader::rule_setting(const ConfigNode& key, const ConfigNode& node, RuleSetting& setting) {
  static constexpr std::array<std::string_view, 3> kCredits{"none", "spares", "shared"};
  const auto* text = scalar(node);
  if (text == nullptr) return;
  const auto count = [&](std::optional<std::uint32_t>& target) {
    store(node, read_integer(*text, 0, kMostCounted),
          [&](std::uint64_t number) { target = static_cast<std::uint32_t>(number); });
  };
  const auto points = [&](std::optional<Points>& target) {
    store(node, read_milli(*text, 0, kMostPointsMilli), [&](std::int32_t milli) { target = Points{milli}; });
  };
  if (key.text == "points") return points(setting.points);
  if (key.text == "points_from") return points(setting.points_from);
  if (key.text == "free") return count(setting.free);
  if (key.text == "from") return count(setting.from);
  if (key.text == "window")
    return store(node, read_duration(*text, std::chrono::seconds(1), kLongestRuleWindow),
                 [&](std::chrono::seconds window) { setting.window = window; });
  const auto* const known = std::find(kCredits.begin(), kCredits.end(), *text);
  if (known == kCredits.end()) return complain_unknown(node, "credit", kCredits);
  setting.credit = static_cast<Credit>(known - kCredits.begin());
}

void ConfigReader::rule(const ConfigNode& name, const ConfigNode& settings) {
  static constexpr std::array<std::string_view, 6> kSettings{"points", "window",      "free",
                                                             "from",   "points_from", "credit"};
  if (settings.kind == ConfigNode::Kind::refused) return;
  if (settings.kind != ConfigNode::Kind::map)
    return complain(settings, "settings are expected, as in {points: 0.5}");
  auto at = std::find_if(config_.rules.begin(), config_.rules.end(),
                         [&](const auto& r) { return r.name == name.text; });
  if (at == config_.rules.end()) {
    if (config_.rules.size() >= kMostRules) return complain(name, "too many rules");
    RuleSetting fresh;
    fresh.name = name.text;
    at = config_.rules.insert(at, std::move(fresh));
  }
  at->where = fmt::format("{}:{}:{}", file_name_, name.line, name.column);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < std::min(settings.keys.size(), settings.items.size()); ++i) {
    const ConfigNode& key = settings.keys[i];
    if (key.kind != ConfigNode::Kind::scalar ||
        std::find(kSettings.begin(), kSettings.end(), key.text) == kSettings.end())
      complain_unknown(key, "setting", kSettings);
    else if (!seen.insert(key.text).second)
      complain(key, fmt::format("{} stands twice", key.text));
    else
      rule_setting(key, settings.items[i], *at);
  }
  if (seen.empty()) complain(settings, "sets nothing: write {points: X}");
}

}  // namespace coturn_guard
