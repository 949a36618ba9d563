// SPDX-License-Identifier: GPL-3.0-or-later
// Which of fail2ban's jails is coturn's, and what it says once everything is merged (client/jailreader.py).
// Values in, values out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fail2ban/file_order.hpp"
#include "fail2ban/notes.hpp"
#include "fail2ban/settings.hpp"

namespace coturn_guard::fail2ban {

struct Candidate {
  std::string jail;
  bool enabled = false;
  std::string why;  // "its name", "its logpath, /var/log/coturn.log"
};

struct Jail {
  std::string name;
  bool enabled = false;
  std::map<std::string, Setting, std::less<>> settings;  // with references resolved

  [[nodiscard]] const Setting* find(std::string_view option) const;
};

// Merges DIRECTORY/jail.conf and what belongs to it; `name` is "jail" or "fail2ban".
[[nodiscard]] Settings read_settings(const std::string& directory, const std::string& name,
                                     const FileSource& source, Notes& notes);

// "1", "on", "true" and "yes" are yes, everything else is no, as in fail2ban.
[[nodiscard]] bool is_yes(std::string_view value);

// Jails whose name, filter, log or ports are coturn's.
[[nodiscard]] std::vector<Candidate> coturn_jails(const Settings& jails);
// "coturn", "turnserver", "my-turn_1", but not "return" nor "eturnal".
[[nodiscard]] bool names_turn(std::string_view text);

// The jail's section must exist. Its filter's file is read, too, for the sake of %(known/…)s.
[[nodiscard]] Jail read_jail(Settings& jails, const std::string& name, const std::string& directory,
                             const FileSource& source, Notes& notes);

}  // namespace coturn_guard::fail2ban
