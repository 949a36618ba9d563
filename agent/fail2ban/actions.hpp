// SPDX-License-Identifier: GPL-3.0-or-later
// fail2ban's `name[option=value, option="value"][…]` lists, as `action` and `filter` hold them (helpers.py,
// splitWithOptions and extractOptions). Text in, values out.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard::fail2ban {

struct Action {
  std::string name;
  std::map<std::string, std::string, std::less<>> options;
  bool whole = true;  // false: its brackets could not be understood to the end
};

// Several stand one after the other, with blanks between.
[[nodiscard]] std::vector<Action> parse_actions(std::string_view text);

// Whether it closes a firewall, as ours does without being told.
[[nodiscard]] bool is_firewall(const Action& action);

}  // namespace coturn_guard::fail2ban
