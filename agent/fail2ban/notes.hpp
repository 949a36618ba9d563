// SPDX-License-Identifier: GPL-3.0-or-later
// What the import has to say besides its result. `errors` are what fail2ban itself would not start with, or
// what leaves us without a value; `warnings` are what it passes over in silence, and so do we, aloud.
#pragma once

#include "util/problems.hpp"

namespace coturn_guard::fail2ban {

// Each text begins with "file:line: " where there is a line to point to.
struct Notes {
  Problems errors;
  Problems warnings;
};

}  // namespace coturn_guard::fail2ban
