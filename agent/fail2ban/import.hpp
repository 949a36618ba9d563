// SPDX-License-Identifier: GPL-3.0-or-later
// `coturn-guard import-fail2ban`: finds coturn's jail in fail2ban's configuration, writes it down as ours,
// shows whom that jail has banned, and says how to switch it off. It changes nothing of fail2ban's.
#pragma once

#include <string>

#include "fail2ban/bans.hpp"

namespace coturn_guard {

struct ImportFail2banOptions {
  std::string jail;  // empty: coturn's, if there is one
  std::string config_directory = "/etc/fail2ban";
  std::string database;  // empty: what fail2ban.conf says
  std::string output;    // empty: standard output
  bool force = false;    // over a file that is there
  bool bans = false;     // whom it has banned instead of what it says
  bool adopt = false;    // have the running daemon take its bans over
  bool json = false;
};

// The exit code: 0; 1 where there is no jail, no database or no writing; 2 where several jails could be
// meant; 65 where fail2ban's files cannot be understood.
// `adopt`: how, where the option is set.
[[nodiscard]] int import_fail2ban(const ImportFail2banOptions& options, const fail2ban::AdoptBans& adopt);

}  // namespace coturn_guard
