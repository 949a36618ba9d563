// SPDX-License-Identifier: GPL-3.0-or-later
// Time as an argument. The edges read both clocks once per batch and hand the pair down; pure code never asks
// for it, so a test (or a replay) does arithmetic on it.
#pragma once

#include <chrono>

namespace coturn_guard {

struct Now {
  std::chrono::steady_clock::time_point mono;  // for windows and expiry: never steps
  std::chrono::system_clock::time_point wall;  // for people and for files that outlive us
};

}  // namespace coturn_guard
