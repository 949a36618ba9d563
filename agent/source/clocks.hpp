// SPDX-License-Identifier: GPL-3.0-or-later
// Both clocks, read once per batch at the edge. Pure code is given the pair.
#pragma once

#include <chrono>

#include "model/clock.hpp"

namespace coturn_guard {

[[nodiscard]] inline Now read_clocks() {
  return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

}  // namespace coturn_guard
