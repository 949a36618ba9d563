// SPDX-License-Identifier: GPL-3.0-or-later
// When the lines of one log that were in doubt (Deed::in_doubt) were written, now that a later line or the
// end of what can be read says so. Each has its own time where that lies between the line before it and now,
// and else the time of the line before it: one clock is wrong, or the line is an attacker's.
#pragma once

#include <chrono>
#include <cstdint>

#include "model/flow.hpp"

namespace coturn_guard {

struct Dating {
  std::uint32_t log = 0;
  std::int64_t offset = 0;  // milliseconds, from the log's clock to ours
  std::int64_t latest = 0;  // on ours
  std::int64_t now = 0;     // of the last line that is not in doubt, on ours

  void date(Deed& deed) const {
    if (deed.log != log || !deed.in_doubt) return;
    deed.in_doubt = false;
    using std::chrono::milliseconds;
    const auto before = std::chrono::floor<milliseconds>(deed.now.mono.time_since_epoch()).count();
    const std::int64_t own = deed.told_milli + offset;
    if (own < before || own > latest) return;
    deed.now.mono = std::chrono::steady_clock::time_point(milliseconds(own));
    if (deed.by == Deed::By::wall) {
      deed.now.wall = std::chrono::system_clock::time_point(milliseconds(deed.told_milli));
    } else {
      deed.now.wall += milliseconds(own - before);
      deed.uptime_seconds = deed.told_milli / 1000;
    }
  }
};

}  // namespace coturn_guard
