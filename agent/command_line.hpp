// SPDX-License-Identifier: GPL-3.0-or-later
// The verbs of the program and their options. Exit codes are part of the interface: 0 ok, 1 failed, 2 usage,
// 65 bad input data, 78 bad configuration (sysexits.h; the unit does not restart on 78).
#pragma once

namespace coturn_guard {

enum ExitCode : int { kExitOk = 0, kExitFailed = 1, kExitUsage = 2, kExitBadInput = 65, kExitBadConfig = 78 };

[[nodiscard]] int run_command_line(int argc, char** argv);

}  // namespace coturn_guard
