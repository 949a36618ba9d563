// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs of the program and their options. Exit codes are part of the interface: 0 ok, 1 failed (check:
// not banned), 2 usage, 3 the daemon is not running (as LSB's status), 4 not allowed, 65 bad input data, 69
// the daemon does not answer, 78 bad configuration (sysexits.h; the unit does not restart on 78).
#pragma once

namespace coturn_guard {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotRunning = 3,
  kExitPermission = 4,
  kExitBadInput = 65,
  kExitUnavailable = 69,
  kExitBadConfig = 78
};

[[nodiscard]] int run_command_line(int argc, char** argv);

}  // namespace coturn_guard
