// SPDX-License-Identifier: GPL-3.0-or-later
// The `ignoreip` key: networks and host names of whom is never judged; and of other
// keys that are lists of words, `nat64` and `log_tags`.
#include <fmt/format.h>

#include <variant>

#include "config_reader.hpp"
#include "source/name_book.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostNetworks = 100'000;  // over all files
constexpr std::size_t kMostNat64 = 64;
constexpr std::size_t kMostTags = 64;

}  // namespace

void ConfigReader::nat64(const ConfigNode& node) {
  if (node.replace) config_.nat64.clear();
  each(node, [this](const ConfigNode& item) {
    store(item, read_nat64(item.text), [&](const Prefix& prefix) {
      if (config_.nat64.size() >= kMostNat64) return complain(item, "too many prefixes");
      config_.nat64.push_back(prefix);
    });
  });
}

void ConfigReader::log_tags(const ConfigNode& node) {
  if (node.replace) config_.log_tags.clear();
  each(node, [this](const ConfigNode& item) {
    store(item, read_log_tag(item.text), [&](std::string tag) {
      if (config_.log_tags.size() >= kMostTags) return complain(item, "too many tags");
      config_.log_tags.push_back(std::move(tag));
    });
  });
}

void ConfigReader::ignoreip(const ConfigNode& node) {
  if (node.replace) {
    config_.ignoreip.clear();
    config_.ignored_names.clear();
  }
  each(node, [this](const ConfigNode& item) {
    store(item, read_ignored(item.text), [&](const AllowEntry& entry) {
      if (const auto* const prefix = std::get_if<Prefix>(&entry)) {
        if (config_.ignoreip.size() >= kMostNetworks) return complain(item, "too many networks");
        config_.ignoreip.push_back(*prefix);
      } else {
        if (config_.ignored_names.size() >= NameBook::kMostNames)
          return complain(item, fmt::format("more than {} host names", NameBook::kMostNames));
        config_.ignored_names.push_back(std::get<HostName>(entry));
      }
    });
  });
}

}  // namespace coturn_guard
