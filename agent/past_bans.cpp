// SPDX-License-Identifier: GPL-3.0-or-later
#include "past_bans.hpp"

#include <algorithm>
#include <chrono>

#include "detect/log_clock.hpp"

namespace coturn_guard {

std::vector<Verdict> take_past(std::vector<Verdict>& verdicts, const Now& now) {
  std::vector<Verdict> past;
  const auto is_over = [&](Verdict& verdict) {
    const auto late = now.mono - verdict.deed.now.mono;
    // How long ago coturn's uptime was nobody knows for certain before all is read up: better a ban that
    // begins late than none.
    const bool dated = verdict.deed.by == Deed::By::wall;
    const bool told_at_once =
        !dated || verdict.deed.fresh || late <= std::chrono::milliseconds(LogClock::kNear);
    if (told_at_once) return false;
    const auto left = verdict.duration - std::chrono::floor<std::chrono::seconds>(late);
    if (left.count() <= 0) return past.push_back(verdict), true;
    verdict.duration = left;
    return false;
  };
  std::erase_if(verdicts, is_over);
  return past;
}

}  // namespace coturn_guard
