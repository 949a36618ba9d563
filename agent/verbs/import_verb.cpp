// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>

#include "fail2ban/import.hpp"
#include "verbs/conversation.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {
namespace {

Result<> adopt(Conversation& daemon, std::span<const fail2ban::ImportedBan> bans) {
  control::Command command;
  command.verb = control::Verb::adopt;
  for (const auto& ban : bans) command.bans.push_back({ban.prefix, ban.left, ban.earlier_bans});
  if (daemon.ask(command, [](std::string_view) {}) != kExitOk) return fail("not all bans were taken over");
  return {};
}

int import(const ImportFail2banOptions& options, const ControlOptions& socket) {
  if (!options.adopt) return import_fail2ban(options, {});
  auto daemon = Conversation::open(socket);
  if (!daemon) return daemon.error();
  return import_fail2ban(options,
                         [&](std::span<const fail2ban::ImportedBan> bans) { return adopt(*daemon, bans); });
}

}  // namespace

void add_import_verb(CommandLine& line) {
  const auto options = std::make_shared<ImportFail2banOptions>();
  const auto socket = std::make_shared<ControlOptions>();
  auto* const verb = add_verb(line, "import-fail2ban",
                              "write fail2ban's jail for coturn down as our configuration, and show its bans",
                              [options, socket] { return import(*options, *socket); });
  verb->add_option("--jail", options->jail, "the jail (default: the one that is coturn's)");
  verb->add_option("--config-dir", options->config_directory, "fail2ban's configuration")
      ->type_name("DIR")
      ->capture_default_str();
  verb->add_option("--database", options->database,
                   "fail2ban's database (default: dbfile of its configuration)")
      ->type_name("FILE");
  verb->add_option("--output", options->output,
                   "write to this file, as /etc/coturn-guard/conf.d/50-fail2ban.yaml")
      ->type_name("FILE");
  verb->add_flag("--force", options->force, "replace that file if it is there");
  verb->add_flag("--bans", options->bans, "show whom the jail has banned instead, one JSON object a line");
  verb->add_flag("--adopt", options->adopt,
                 "have the running daemon take over its bans, and who was banned how often");
  verb->add_flag("--json", options->json, "one JSON object with everything that is known of the jail");
  add_socket_option(*verb, *socket);
}

}  // namespace coturn_guard
