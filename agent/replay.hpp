// SPDX-License-Identifier: GPL-3.0-or-later
// `coturn-guard replay`: the daemon's own pipeline over log files, in the log's time instead of ours. Needs
// no root, touches no kernel, and prints who would have been banned when, why and for how long.
#pragma once

#include <string>
#include <vector>

#include "setup.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct ReplayOptions {
  std::vector<std::string> files;  // "-": standard input
  bool json = false;
};

[[nodiscard]] Result<> replay_logs(const ReplayOptions& options, Setup setup);

}  // namespace coturn_guard
