// SPDX-License-Identifier: GPL-3.0-or-later
// How to switch a jail off, in words and commands for its operator. Values in, values out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fail2ban/file_order.hpp"
#include "fail2ban/jail.hpp"

namespace coturn_guard::fail2ban {

// One word of a shell's, quoted where it has to be.
[[nodiscard]] std::string shell_word(std::string_view text);

// Lines to print. The file that is named is one whose word counts: fail2ban reads it last.
[[nodiscard]] std::vector<std::string> farewell(const Jail& jail, const std::string& directory,
                                                const FileSource& source);

}  // namespace coturn_guard::fail2ban
