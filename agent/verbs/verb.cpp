// SPDX-License-Identifier: GPL-3.0-or-later
#include "verbs/verb.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace coturn_guard {

CLI::App* add_verb(CommandLine& line, const std::string& name, const std::string& description,
                   std::function<int()> action) {
  auto* const verb = line.cli.add_subcommand(name, description);
  // Only noted while CLI11 parses: what it throws later is not taken for a mistake in usage.
  verb->callback([&line, action = std::move(action)] { line.action = action; });
  return verb;
}

CLI::App* with_config(CommandLine& line, CLI::App* verb) {
  verb->add_option_function<std::string>(
          "--config",
          [&line](const std::string& file) {
            line.paths.config = file;
            line.paths.config_required = true;
          },
          fmt::format("configuration file (default {})", kConfigFile))
      ->type_name("FILE");
  return verb;
}

int complain(const Problems& problems) {
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  return kExitBadConfig;
}

int complain(const Error& error) {
  fmt::print(stderr, "coturn-guard: {}\n", error.message());
  return kExitFailed;
}

}  // namespace coturn_guard
