// SPDX-License-Identifier: GPL-3.0-or-later
// `coturn-guard report`: what the history's file tells of the last days, as a page to look at or as JSON. It
// only reads, and needs no daemon.
#pragma once

#include <chrono>
#include <string>

#include "util/result.hpp"

namespace coturn_guard {

struct ReportOptions {
  std::string file = "/var/lib/coturn-guard/history.db";
  std::chrono::seconds since = std::chrono::hours(7 * 24);
  std::string html;  // where to write the page; "-": standard output
  bool json = false;
};

[[nodiscard]] Result<> report_command(const ReportOptions& options);

}  // namespace coturn_guard
