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

void ConfigReader::rule(const ConfigNode& name, const ConfigNode& settings) {
  static constexpr std::array<std::string_view, 1> kSettings{"points"};
  if (settings.kind == ConfigNode::Kind::refused) return;
  if (settings.kind != ConfigNode::Kind::map)
    return complain(settings, "settings are expected, as in {points: 0.5}");
  bool set = false;
  for (std::size_t i = 0; i < std::min(settings.keys.size(), settings.items.size()); ++i) {
    const ConfigNode& key = settings.keys[i];
    if (key.kind != ConfigNode::Kind::scalar || key.text != kSettings[0]) {
      complain_unknown(key, "setting", kSettings);
      continue;
    }
    if (set) complain(key, "points stands twice");
    set = true;
    const auto* text = scalar(settings.items[i]);
    if (text == nullptr) continue;
    store(settings.items[i], read_milli(*text, 0, kMostPointsMilli), [&](std::int32_t milli) {
      auto at = std::find_if(config_.rules.begin(), config_.rules.end(),
                             [&](const auto& r) { return r.name == name.text; });
      if (config_.rules.size() >= kMostRules) return complain(name, "too many rules");
      if (at == config_.rules.end()) at = config_.rules.insert(at, RuleSetting{name.text, {}, {}});
      at->points = {milli};
      at->where = fmt::format("{}:{}:{}", file_name_, name.line, name.column);
    });
  }
  if (!set) complain(settings, "sets nothing: write {points: X}");
}

}  // namespace coturn_guard
