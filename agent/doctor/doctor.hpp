// SPDX-License-Identifier: GPL-3.0-or-later
// The verb: gathers, examines, prints one line a finding.
#pragma once

#include <string>

#include "setup.hpp"

namespace coturn_guard {

struct DoctorOptions {
  SetupPaths paths;
  std::string root;   // a directory that stands for /; "": this system, and what only the running one knows
  bool json = false;  // one JSON object a line
};

// The worst of what was found: 0 all is well, 1 something to think about, 2 something is broken.
[[nodiscard]] int doctor_command(const DoctorOptions& options);

}  // namespace coturn_guard
