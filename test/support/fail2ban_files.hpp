// SPDX-License-Identifier: GPL-3.0-or-later
// fail2ban's configuration as texts in memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fail2ban/jail.hpp"
#include "fail2ban/translation.hpp"

namespace coturn_guard::test {

using Files = std::map<std::string, std::string>;  // by path

inline fail2ban::FileSource in_memory(const Files& files) {
  return {
      [&files](const std::string& path) -> Result<std::optional<std::string>> {
        const auto at = files.find(path);
        return at == files.end() ? std::optional<std::string>() : std::optional(at->second);
      },
      [&files](const std::string& directory) {
        std::vector<std::string> names;
        for (const auto& [path, text] : files)
          if (path.starts_with(directory + "/") && path.find('/', directory.size() + 1) == std::string::npos)
            names.push_back(path.substr(directory.size() + 1));
        return names;
      }};
}

// What our translation of /f's jail [coturn] says, all notes included.
struct Imported {
  fail2ban::Notes notes;
  fail2ban::Jail jail;
  fail2ban::Translation translation;

  explicit Imported(const Files& files, const std::string& name = "coturn") {
    const auto source = in_memory(files);
    auto jails = fail2ban::read_settings("/f", "jail", source, notes);
    jail = fail2ban::read_jail(jails, name, "/f", source, notes);
    fail2ban::Notes untold;
    const auto global = fail2ban::read_settings("/f", "fail2ban", source, untold);
    translation =
        fail2ban::translate(jail, global, [](const std::string& port) -> std::optional<std::uint16_t> {
          return port == "turns" ? std::optional<std::uint16_t>(5349) : std::nullopt;
        });
  }

  [[nodiscard]] std::string value(std::string_view option) const {
    const auto* const setting = jail.find(option);
    return setting == nullptr ? "(none)" : setting->value;
  }
  [[nodiscard]] std::string place(std::string_view option) const {
    const auto* const setting = jail.find(option);
    return setting == nullptr ? "(none)" : setting->place();
  }
  // The key that is written, "" where it is not.
  [[nodiscard]] std::string yaml(std::string_view key) const {
    for (const auto& told : translation.told)
      if (told.outcome == fail2ban::Outcome::taken && told.yaml.starts_with(std::string(key) + ":"))
        return told.yaml;
    return "";
  }
  // Why an option is lost, "" where it is not.
  [[nodiscard]] std::string lost(std::string_view option) const {
    for (const auto& told : translation.told)
      if (told.outcome == fail2ban::Outcome::lost && told.option == option) return told.reason;
    return "";
  }
};

}  // namespace coturn_guard::test
