// SPDX-License-Identifier: GPL-3.0-or-later
// Asks another program of the system's, with a limit of time and of words. For `doctor` alone: the daemon
// runs none.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace coturn_guard::doctor {

// The first line of its standard output, whatever its exit status; "" where it cannot be run or does not
// answer within five seconds. The program is looked for in /usr/sbin:/usr/bin:/sbin:/bin alone, unless it is
// an absolute path.
[[nodiscard]] std::string first_line_of(const std::vector<std::string>& command,
                                        std::size_t most_bytes = 4096);

}  // namespace coturn_guard::doctor
