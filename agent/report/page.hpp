// SPDX-License-Identifier: GPL-3.0-or-later
// The report as one HTML page that needs nothing else: no script, no font, no picture from anywhere. Light or
// dark as the reader's system is, and fit to be printed. Pure: numbers in, text out.
#pragma once

#include <string>

#include "report/numbers.hpp"

namespace coturn_guard {

struct PageHead {
  std::string host;
  std::string asked;  // "7d"
  std::string version;
};

[[nodiscard]] std::string make_page(const ReportNumbers& numbers, const PageHead& head);

}  // namespace coturn_guard
