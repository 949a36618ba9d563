// SPDX-License-Identifier: GPL-3.0-or-later
#include "command_line.hpp"

#include <fmt/format.h>

#include "verbs/verb.hpp"
#include "version.hpp"

namespace coturn_guard {
namespace {

// Every verb there is, by groups, in the order of the help.
constexpr void (*kGroups[])(CommandLine&) = {add_service_verbs, add_status_verbs,   add_list_verb,
                                             add_change_verbs,  add_log_verbs,      add_report_verb,
                                             add_import_verbs,  add_completion_verb};

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App cli(
      "coturn-guard keeps abusers off coturn: it follows coturn's log and drops offenders in the kernel.",
      "coturn-guard");
  cli.set_version_flag("--version", fmt::format("coturn-guard {}", kVersion));
  cli.require_subcommand(1);
  CommandLine line{.cli = cli};
  for (auto* const add : kGroups) add(line);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? kExitOk : kExitUsage;  // prints help, version, or what is wrong
  }
  return line.action();
}

}  // namespace coturn_guard
