// SPDX-License-Identifier: GPL-3.0-or-later
// The `hooks` key: what is called when something happens.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "config_reader.hpp"
#include "control/web_address.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostHooks = 16;
constexpr std::size_t kMostArguments = 64;
constexpr std::array<std::string_view, kHookOccasions> kOccasions{"ban", "unban", "alarm",
                                                                  "expired"};  // by HookOccasion
constexpr std::array<std::string_view, 6> kSettings{"on", "run", "post", "timeout", "rate", "burst"};

}  // namespace

void ConfigReader::hooks(const ConfigNode& node) {
  if (node.replace) config_.hooks.clear();
  switch (node.kind) {
    case ConfigNode::Kind::nothing:
    case ConfigNode::Kind::refused: return;
    case ConfigNode::Kind::map: return hook(node);
    case ConfigNode::Kind::list:
      for (const auto& item : node.items) hook(item);
      return;
    case ConfigNode::Kind::scalar: break;
  }
  complain(node, "a list of hooks is expected, as in\n  hooks:\n    - {on: ban, run: [/usr/local/bin/tell]}");
}

void ConfigReader::hook(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::refused) return;
  if (node.kind != ConfigNode::Kind::map)
    return complain(node, "settings are expected, as in {on: ban, run: [/usr/local/bin/tell]}");
  const auto before = problems_.size();
  Hook made;
  made.where = fmt::format("{}:{}:{}", file_name_, node.line, node.column);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < std::min(node.keys.size(), node.items.size()); ++i) {
    const ConfigNode& key = node.keys[i];
    if (key.kind != ConfigNode::Kind::scalar ||
        std::find(kSettings.begin(), kSettings.end(), key.text) == kSettings.end())
      complain_unknown(key, "setting", kSettings);
    else if (!seen.insert(key.text).second)
      complain(key, fmt::format("{} stands twice", key.text));
    else
      hook_setting(key, node.items[i], made);
  }
  if (problems_.size() > before) return;
  if (std::find(made.on.begin(), made.on.end(), true) == made.on.end())
    return complain(node, "no occasion is given: write on: ban, or on: [ban, unban, alarm]");
  if (made.run.empty() == made.post.text.empty())
    return complain(node, "either run: [/a/program, argument] or post: http://server/path is expected");
  if (config_.hooks.size() >= kMostHooks)
    return complain(node, fmt::format("more than {} hooks", kMostHooks));
  config_.hooks.push_back(std::move(made));
}

void ConfigReader::hook_setting(const ConfigNode& key, const ConfigNode& node, Hook& hook) {
  if (key.text == "on")
    return each(node, [&](const ConfigNode& item) {
      const auto* const known = std::find(kOccasions.begin(), kOccasions.end(), item.text);
      if (known == kOccasions.end()) return complain_unknown(item, "occasion", kOccasions);
      hook.on[static_cast<std::size_t>(known - kOccasions.begin())] = true;
    });
  if (key.text == "run")
    return each(node, [&](const ConfigNode& item) {
      if (hook.run.size() >= kMostArguments) return complain(item, "too many arguments");
      if (hook.run.empty())
        return store(item, read_path(item.text), [&](const std::string& path) { hook.run.push_back(path); });
      if (item.text.find('\0') != std::string::npos) return complain(item, "holds a NUL byte");
      hook.run.push_back(item.text);
    });
  const auto* const text = scalar(node);
  if (text == nullptr) return;
  if (key.text == "post") {
    auto address = parse_web_address(*text);
    if (!address) return complain(node, address.error());
    hook.post = std::move(*address);
  } else if (key.text == "timeout") {
    store(node, read_duration(*text, std::chrono::seconds(1), std::chrono::minutes(5)),
          [&](std::chrono::seconds timeout) { hook.timeout = timeout; });
  } else {
    auto& target = key.text == "rate" ? hook.per_second : hook.burst;
    store(node, read_integer(*text, 1, 1000),
          [&](std::uint64_t number) { target = static_cast<std::uint32_t>(number); });
  }
}

}  // namespace coturn_guard
