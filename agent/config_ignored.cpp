// SPDX-License-Identifier: GPL-3.0-or-later
// The `ignoreip` key: networks and host names of whom is never judged.
#include <fmt/format.h>

#include <variant>

#include "config_reader.hpp"
#include "source/name_book.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostNetworks = 100'000;  // over all files

}  // namespace

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
