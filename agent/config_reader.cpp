// SPDX-License-Identifier: GPL-3.0-or-later
#include "config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "detect/time_format.hpp"
#include "util/duration.hpp"
#include "util/nearest.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds kLongestWindow = hours(52 * 7 * 24);

constexpr std::size_t kMostListed = 100'000;  // elements of one list over all files
constexpr std::size_t kMostUnits = 16;
constexpr std::size_t kMostPortRanges = 1024;

}  // namespace

struct ConfigReader::Key {
  std::string_view name;
  void (*read)(ConfigReader& reader, const ConfigNode& node);
};

std::span<const ConfigReader::Key> ConfigReader::keys() {
  using R = ConfigReader;
  using N = ConfigNode;
  static constexpr auto duration = [](R& r, const N& n, seconds Policy::*field, seconds least, seconds most) {
    if (const auto* text = r.scalar(n))
      r.store(n, read_duration(*text, least, most), [&](seconds d) { r.config_.policy.*field = d; });
  };
  static constexpr auto integer = [](R& r, const N& n, auto& field, std::uint64_t least, std::uint64_t most) {
    if (const auto* text = r.scalar(n))
      r.store(n, read_integer(*text, least, most),
              [&](std::uint64_t i) { field = static_cast<std::remove_reference_t<decltype(field)>>(i); });
  };
  static constexpr auto milli = [](R& r, const N& n, auto take, std::int32_t most) {
    if (const auto* text = r.scalar(n)) r.store(n, read_milli(*text, 1, most), take);
  };
  static constexpr std::array kKeys{
      Key{"mode", [](R& r, const N& n) { r.mode(n); }},
      Key{"source", [](R& r, const N& n) { r.source(n); }},
      Key{"journal_units", [](R& r, const N& n) { r.journal_units(n); }},
      Key{"witness", [](R& r, const N& n) { r.witness(n); }},
      Key{"log_file", [](R& r, const N& n) { r.log_file(n); }},
      Key{"log_timestamp_format", [](R& r, const N& n) { r.log_timestamp_format(n); }},
      Key{"findtime",
          [](R& r, const N& n) { duration(r, n, &Policy::findtime, seconds(1), kLongestWindow); }},
      Key{"maxretry",
          [](R& r, const N& n) {
            milli(
                r, n, [&](auto m) { r.config_.policy.maxretry = {m}; }, kMostPointsMilli);
          }},
      Key{"bantime",
          [](R& r, const N& n) { duration(r, n, &Policy::bantime, seconds(1), kLongestDuration); }},
      Key{"bantime_max",
          [](R& r, const N& n) { duration(r, n, &Policy::bantime_max, seconds(1), kLongestDuration); }},
      Key{"bantime_factor",
          [](R& r, const N& n) {
            milli(
                r, n, [&](auto m) { r.config_.policy.bantime_factor = m / 1000.0; }, 1'000'000);
          }},
      Key{"forget_after",
          [](R& r, const N& n) { duration(r, n, &Policy::forget_after, seconds(0), kLongestDuration); }},
      Key{"breaker_time",
          [](R& r, const N& n) {
            if (const auto* text = r.scalar(n))
              r.store(n, read_duration(*text, seconds(0), kLongestDuration),
                      [&](seconds d) { r.config_.breaker.time = d; });
          }},
      Key{"breaker_bans_per_minute",
          [](R& r, const N& n) { integer(r, n, r.config_.breaker.bans_per_minute, 0, 1'000'000); }},
      Key{"ipv4_prefix", [](R& r, const N& n) { integer(r, n, r.config_.policy.ipv4_prefix, 8, 32); }},
      Key{"ipv6_prefix", [](R& r, const N& n) { integer(r, n, r.config_.policy.ipv6_prefix, 32, 128); }},
      Key{"maxretry_56",
          [](R& r, const N& n) {
            if (const auto* text = r.scalar(n))
              r.store(n, read_milli(*text, 0, kMostPointsMilli),
                      [&](std::int32_t m) { r.config_.policy.maxretry_56 = {m}; });
          }},
      Key{"maxretry_48",
          [](R& r, const N& n) {
            if (const auto* text = r.scalar(n))
              r.store(n, read_milli(*text, 0, kMostPointsMilli),
                      [&](std::int32_t m) { r.config_.policy.maxretry_48 = {m}; });
          }},
      Key{"max_addresses",
          [](R& r, const N& n) { integer(r, n, r.config_.policy.max_addresses, 1000, 10'000'000); }},
      Key{"max_bans", [](R& r, const N& n) { integer(r, n, r.config_.max_bans, 1000, 16'777'216); }},
      Key{"enforcer", [](R& r, const N& n) { r.enforcer(n); }},
      Key{"end_connections", [](R& r, const N& n) { r.end_connections(n); }},
      Key{"ignoreip", [](R& r, const N& n) { r.ignoreip(n); }},
      Key{"log_tags", [](R& r, const N& n) { r.log_tags(n); }},
      Key{"nat64", [](R& r, const N& n) { r.nat64(n); }},
      Key{"ports", [](R& r, const N& n) { r.ports(n); }},
      Key{"gate", [](R& r, const N& n) { r.gate(n); }},
      Key{"gate_queue", [](R& r, const N& n) { integer(r, n, r.config_.gate_queue, 0, 65'535); }},
      Key{"quench_requests",
          [](R& r, const N& n) { integer(r, n, r.config_.quench.requests, 10, 1'000'000); }},
      Key{"quench_window",
          [](R& r, const N& n) {
            if (const auto* text = r.scalar(n))
              r.store(n, read_duration(*text, seconds(1), std::chrono::minutes(10)),
                      [&](seconds d) { r.config_.quench.window = d; });
          }},
      Key{"quench_time",
          [](R& r, const N& n) {
            if (const auto* text = r.scalar(n))
              r.store(n, read_duration(*text, seconds(1), std::chrono::hours(1)),
                      [&](seconds d) { r.config_.quench.duration = d; });
          }},
      Key{"state_file", [](R& r, const N& n) { r.state_file(n); }},
      Key{"metrics", [](R& r, const N& n) { r.metrics(n); }},
      Key{"metrics_file", [](R& r, const N& n) { r.metrics_file(n); }},
      Key{"hooks", [](R& r, const N& n) { r.hooks(n); }},
      Key{"rules", [](R& r, const N& n) { r.rules(n); }},
      Key{"rules_file", [](R& r, const N& n) { r.rules_file(n); }},
  };
  return kKeys;
}

std::vector<std::string_view> ConfigReader::key_names() {
  std::vector<std::string_view> names;
  std::transform(keys().begin(), keys().end(), std::back_inserter(names),
                 [](const Key& key) { return key.name; });
  return names;
}

void ConfigReader::read(std::string_view yaml, std::string_view file_name) {
  file_name_ = file_name;
  key_.clear();
  const ConfigNode root = parse_config_tree(yaml, file_name_, problems_);
  if (root.kind == ConfigNode::Kind::nothing || root.kind == ConfigNode::Kind::refused) return;
  if (root.kind != ConfigNode::Kind::map)
    return complain(root, "the file must be a list of `key: value` lines");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < std::min(root.keys.size(), root.items.size()); ++i) {
    const ConfigNode& name = root.keys[i];
    key_.clear();
    if (name.kind != ConfigNode::Kind::scalar) {
      complain(name, "a key must be a word");
      continue;
    }
    const auto known =
        std::find_if(keys().begin(), keys().end(), [&](const Key& key) { return key.name == name.text; });
    if (known == keys().end()) {
      complain_unknown(name, "key", key_names());
      continue;
    }
    key_ = known->name;
    if (!seen.insert(known->name).second) {
      complain(name, "stands twice in this file");
      continue;
    }
    places_[known->name] = place(name);
    if (root.items[i].kind != ConfigNode::Kind::refused) known->read(*this, root.items[i]);
  }
}

tl::expected<Config, Problems> ConfigReader::finish() {
  const Policy& policy = config_.policy;
  if (policy.bantime > policy.bantime_max) {
    const auto at = places_.contains("bantime_max") ? places_.find("bantime_max") : places_.find("bantime");
    problems_.push_back(fmt::format("{}{}: bantime {} is longer than bantime_max {}", at->second, at->first,
                                    to_string(policy.bantime), to_string(policy.bantime_max)));
  }
  if (!problems_.empty()) return tl::unexpected<Problems>(std::move(problems_));
  return std::move(config_);
}

const std::string* ConfigReader::scalar(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::scalar && !node.replace) return &node.text;
  if (node.kind == ConfigNode::Kind::nothing)
    complain(node, "has no value: write one, or remove the line");
  else if (node.kind != ConfigNode::Kind::refused)
    complain(node, node.replace ? "!replace is for lists: a single value is always replaced"
                                : "one single value is expected");
  return nullptr;
}

void ConfigReader::complain(const ConfigNode& node, std::string_view what) {
  coturn_guard::complain(problems_, file_name_, node,
                         key_.empty() ? std::string(what) : fmt::format("{}: {}", key_, what));
}

void ConfigReader::complain_unknown(const ConfigNode& name, std::string_view kind,
                                    std::span<const std::string_view> known) {
  const std::string_view near = nearest(name.text, known);
  complain(name, near.empty()
                     ? fmt::format("unknown {} \"{}\"", kind, escape(name.text))
                     : fmt::format("unknown {} \"{}\": did you mean \"{}\"?", kind, escape(name.text), near));
}

std::string ConfigReader::place(const ConfigNode& node) const {
  return fmt::format("{}:{}:{}: ", file_name_, node.line, node.column);
}

// ---------------------------------------------------------------- one function per key that is no plain
// number

void ConfigReader::mode(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 2> kModes{"enforce", "observe"};
  const auto* text = scalar(node);
  if (text == nullptr) return;
  if (*text != kModes[0] && *text != kModes[1]) return complain_unknown(node, "mode", kModes);
  config_.mode = *text == kModes[0] ? Mode::enforce : Mode::observe;
}

void ConfigReader::source(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 3> kSources{"auto", "file", "journal"};  // by LogSource
  const auto* text = scalar(node);
  if (text == nullptr) return;
  const auto at = std::find(kSources.begin(), kSources.end(), *text);
  if (at == kSources.end()) return complain_unknown(node, "source", kSources);
  config_.source = static_cast<LogSource>(at - kSources.begin());
}

void ConfigReader::journal_units(const ConfigNode& node) {
  if (!units_listed_ || node.replace) config_.journal_units.clear();
  units_listed_ = true;
  const auto before = problems_.size();
  each(node, [this](const ConfigNode& item) {
    store(item, read_unit(item.text), [&](const std::string& unit) {
      if (config_.journal_units.size() >= kMostUnits) return complain(item, "too many units");
      config_.journal_units.push_back(unit);
    });
  });
  if (config_.journal_units.empty() && problems_.size() == before)
    complain(node, "names no unit: write one as coturn.service");
}

void ConfigReader::witness(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 2> kWords{"auto", "off"};
  const auto* text = scalar(node);
  if (text == nullptr) return;
  if (*text != kWords[0] && *text != kWords[1]) return complain_unknown(node, "value", kWords);
  config_.witness = *text == kWords[0];
}

void ConfigReader::enforcer(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 3> kEnforcers{"auto", "ipset", "nftables"};
  const auto* text = scalar(node);
  if (text == nullptr) return;
  if (std::find(kEnforcers.begin(), kEnforcers.end(), *text) == kEnforcers.end())
    return complain_unknown(node, "enforcer", kEnforcers);
  config_.enforcer = *text;
}

void ConfigReader::end_connections(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 2> kWords{"true", "false"};
  const auto* text = scalar(node);
  if (text == nullptr) return;
  if (*text != kWords[0] && *text != kWords[1]) return complain_unknown(node, "value", kWords);
  config_.end_connections = *text == kWords[0];
}

void ConfigReader::gate(const ConfigNode& node) {
  static constexpr std::array<std::string_view, 3> kWords{"off", "udp", "on"};  // by GateMode
  const auto* text = scalar(node);
  if (text == nullptr) return;
  const auto at = std::find(kWords.begin(), kWords.end(), *text);
  if (at == kWords.end()) return complain_unknown(node, "value", kWords);
  config_.gate = static_cast<GateMode>(at - kWords.begin());
}

void ConfigReader::log_file(const ConfigNode& node) {
  if (node.kind == ConfigNode::Kind::scalar && node.text == "auto" && !node.quoted) {
    config_.log_file_automatic = true;
    config_.log_file = Config{}.log_file;
    return;
  }
  if (config_.log_file_automatic || node.replace) config_.log_file.clear();
  config_.log_file_automatic = false;
  const auto before = problems_.size();
  each(node, [this](const ConfigNode& item) {
    store(item, read_path(item.text), [&](const std::string& path) {
      if (config_.log_file.size() >= kMostListed) return complain(item, "too many files");
      if (std::find(config_.log_file.begin(), config_.log_file.end(), path) == config_.log_file.end())
        config_.log_file.push_back(path);
    });
  });
  if (config_.log_file.empty() && problems_.size() == before)
    complain(node, "names no file: write auto or a path");
}

void ConfigReader::log_timestamp_format(const ConfigNode& node) {
  const auto* text = scalar(node);
  if (text == nullptr) return;
  config_.log_timestamp_automatic = *text == "auto" && !node.quoted;
  config_.log_timestamp_format = config_.log_timestamp_automatic ? "" : *text;
  if (const auto format = TimeFormat::compile(config_.log_timestamp_format); !format)
    complain(node, format.error().message());
}

void ConfigReader::state_file(const ConfigNode& node) {
  const auto* text = scalar(node);
  if (text == nullptr) return;
  config_.state_file.clear();
  config_.state_file_automatic = *text == "auto" && !node.quoted;
  if (config_.state_file_automatic || (*text == "off" && !node.quoted)) return;
  store(node, read_path(*text), [this](const std::string& path) { config_.state_file = path; });
}

void ConfigReader::rules_file(const ConfigNode& node) {
  if (const auto* text = scalar(node))
    store(node, read_path(*text), [this](const std::string& path) { config_.rules_file = path; });
}

void ConfigReader::ports(const ConfigNode& node) {
  const bool word = node.kind == ConfigNode::Kind::scalar;
  if (word && (node.text == "auto" || node.text == "all")) {
    config_.ports_automatic = node.text == "auto";
    config_.ports = config_.ports_automatic ? Config{}.ports : std::vector<PortRange>{};
    ports_listed_ = false;
    return;
  }
  if (!ports_listed_ || node.replace) config_.ports.clear();
  config_.ports_automatic = false;
  ports_listed_ = true;
  const auto before = problems_.size();
  each(node, [this](const ConfigNode& item) {
    store(item, read_ports(item.text), [&](const PortRange& range) {
      if (config_.ports.size() >= kMostPortRanges)
        return complain(item, "too many ports: use ranges, or all");
      config_.ports.push_back(range);
    });
  });
  if (config_.ports.empty() && problems_.size() == before)
    complain(node, "names no port: write auto, all, or a list as [3478, 5349-5350]");
}

}  // namespace coturn_guard
