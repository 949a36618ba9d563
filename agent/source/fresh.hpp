// SPDX-License-Identifier: GPL-3.0-or-later
// When a line counts as read when it was written (Line::fresh): then the kernel's silence about a connection
// speaks against it. One measure for all sources.
#pragma once

#include <chrono>

#include "model/clock.hpp"

namespace coturn_guard {

// A source looks at its end once a second, and this is half as much again for a busy machine. The witness
// remembers connections for two seconds.
inline constexpr std::chrono::milliseconds kFreshFor{1500};

// `since`: the line cannot have been written before. From the future it was stamped by another boot's clock:
// not fresh.
[[nodiscard]] inline bool is_fresh(std::chrono::steady_clock::time_point since, const Now& now) {
  return since <= now.mono && now.mono - since <= kFreshFor;
}

}  // namespace coturn_guard
