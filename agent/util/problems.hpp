// SPDX-License-Identifier: GPL-3.0-or-later
// All mistakes of a file that people write (configuration, rules), told at once: one text per mistake, each
// "file:line:column: what". Not for failures of the system: those are Error.
#pragma once

#include <string>
#include <vector>

namespace coturn_guard {

using Problems = std::vector<std::string>;

}  // namespace coturn_guard
