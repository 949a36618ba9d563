// SPDX-License-Identifier: GPL-3.0-or-later
// What other programs' files say, as text in and values out: dpkg's status, fail2ban's jails, saved
// firewalls, passwd and group, units. Each is read as far as `doctor` needs it and no further.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "doctor/access.hpp"
#include "doctor/coturn_version.hpp"

namespace coturn_guard::doctor {

// coturn's version in /var/lib/dpkg/status, where it is installed.
[[nodiscard]] std::optional<CoturnVersion> packaged_version(std::string_view dpkg_status);

// The jails for coturn (by name or filter) of one of fail2ban's files, switched on or off; a later file
// overrules an earlier one (jail.conf(5)).
struct Jail {
  bool on = false;
  std::string file;
};
void read_jails(std::string_view text, const std::string& file, std::map<std::string, Jail>& jails);

// The line, from 1, where a saved firewall names what is ours; comments do not count.
[[nodiscard]] std::optional<std::size_t> line_naming_us(std::string_view rules);

// From the texts of passwd(5) and group(5). Absent: no such user.
[[nodiscard]] std::optional<User> user_of(std::string_view passwd, std::string_view group,
                                          const std::string& name);
// Adds the groups that a unit gives besides (SupplementaryGroups=).
void add_unit_groups(std::string_view unit, std::string_view group, User& user);

}  // namespace coturn_guard::doctor
