// SPDX-License-Identifier: GPL-3.0-or-later
// The keys of the operator's file: applies one file after the other to a Config and collects every mistake on
// the way. It opens no file and merges nothing that was detected: config.cpp does.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config.hpp"
#include "config_tree.hpp"
#include "config_values.hpp"

namespace coturn_guard {

class ConfigReader {
 public:
  // Applies one file over what was read before.
  void read(std::string_view yaml, std::string_view file_name);
  // A mistake without a line, such as a file that cannot be opened.
  void add_problem(std::string problem) { problems_.push_back(std::move(problem)); }
  // After the last file: what no single key can tell. The reader is used up.
  [[nodiscard]] tl::expected<Config, Problems> finish();
  [[nodiscard]] static std::vector<std::string_view> key_names();

 private:
  struct Key;
  static std::span<const Key> keys();

  // One per key (config_reader.cpp has the table).
  void mode(const ConfigNode& node);
  void source(const ConfigNode& node);
  void journal_units(const ConfigNode& node);
  void witness(const ConfigNode& node);
  void enforcer(const ConfigNode& node);
  void end_connections(const ConfigNode& node);
  void log_file(const ConfigNode& node);
  void log_timestamp_format(const ConfigNode& node);
  void rules_file(const ConfigNode& node);
  void state_file(const ConfigNode& node);
  void rules(const ConfigNode& node);
  void ignoreip(const ConfigNode& node);
  void nat64(const ConfigNode& node);
  void log_tags(const ConfigNode& node);
  void ports(const ConfigNode& node);
  void gate(const ConfigNode& node);
  void metrics(const ConfigNode& node);
  void metrics_file(const ConfigNode& node);
  void hooks(const ConfigNode& node);

  void hook(const ConfigNode& node);
  void hook_setting(const ConfigNode& key, const ConfigNode& node, Hook& hook);
  void rule(const ConfigNode& name, const ConfigNode& settings);
  void rule_setting(const ConfigNode& key, const ConfigNode& node, RuleSetting& setting);
  // The text of a single value; absent, and told, where it is none.
  const std::string* scalar(const ConfigNode& node);
  // Calls `take` with each element; a single value is a list of one, nothing is an empty list.
  template <class Take>
  void each(const ConfigNode& node, Take take);
  // Stores a good value, complains about a bad one.
  template <class T, class Store>
  void store(const ConfigNode& node, const Value<T>& value, Store target);
  void complain(const ConfigNode& node, std::string_view what);
  void complain_unknown(const ConfigNode& name, std::string_view kind,
                        std::span<const std::string_view> known);
  [[nodiscard]] std::string place(const ConfigNode& node) const;

  Config config_;
  Problems problems_;
  std::string file_name_;                           // of the file being read
  std::string key_;                                 // being read, for the messages
  std::map<std::string_view, std::string> places_;  // where a key was set last, for checks across keys
  bool ports_listed_ = false;                       // a list was read: the next one appends to it
  bool units_listed_ = false;
};

// --- Inline implementations ---

template <class Take>
void ConfigReader::each(const ConfigNode& node, Take take) {
  if (node.kind == ConfigNode::Kind::scalar) return take(node);
  if (node.kind == ConfigNode::Kind::map) return complain(node, "a list is expected, as in [one, two]");
  for (const ConfigNode& item : node.items) {
    if (item.kind == ConfigNode::Kind::scalar)
      take(item);
    else if (item.kind != ConfigNode::Kind::refused)
      complain(item, "each element of the list must be a single value");
  }
}

template <class T, class Store>
void ConfigReader::store(const ConfigNode& node, const Value<T>& value, Store target) {
  if (value) return target(*value);
  ConfigNode where = node;
  where.column +=
      static_cast<unsigned>(value.error().position) + (node.quoted && value.error().position > 0 ? 1 : 0);
  complain(where, value.error().what);
}

}  // namespace coturn_guard
