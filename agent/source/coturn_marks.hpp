// SPDX-License-Identifier: GPL-3.0-or-later
// Looks for what only coturn has (coturn_user.hpp): its units' control groups, and who owns its logs. Needs
// no privilege; what may not be looked at is no mark.
#pragma once

#include <string>
#include <vector>

#include "source/coturn_user.hpp"

namespace coturn_guard {

struct CoturnTraces {
  std::vector<std::string> units;  // of systemd's system manager: names, or globs of such
  std::vector<std::string> logs;   // paths, or globs of such; empty where no file is followed
  // Coturn's configuration names these logs. Else another program may write them for it, rsyslog as root say,
  // so that a log of root's tells nothing.
  bool written_by_coturn = false;
  std::string cgroups = "/sys/fs/cgroup";
};

[[nodiscard]] CoturnMarks find_marks(const CoturnTraces& traces);

}  // namespace coturn_guard
