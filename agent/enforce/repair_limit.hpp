// SPDX-License-Identifier: GPL-3.0-or-later
// How often sets and rule may be put back. Somebody's firewall reload is answered at once; a program that
// keeps removing what we put there would otherwise be fought a thousand times a minute, with a warning each.
// Pure: it is told the time. It does not know what was repaired.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

namespace coturn_guard {

class RepairLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // So many within kWindow are still taken for ordinary administration: five rounds of both address families.
  static constexpr std::size_t kCalm = 10;
  static constexpr std::chrono::seconds kWindow{60};
  static constexpr std::chrono::seconds kFirstWait{2};
  static constexpr std::chrono::seconds kLongestWait{30};

  [[nodiscard]] bool allows(Time now);
  // Counts a repair that was done. Present: it was one too many, and the next one waits for so long; each
  // further one doubles that, until a whole window was quiet.
  [[nodiscard]] std::optional<std::chrono::seconds> count(Time now);
  [[nodiscard]] std::size_t lately() const { return repairs_.size(); }

 private:
  std::deque<Time> repairs_;  // within the window; bounded, because the waits grow
  Time not_before_{};
  std::chrono::seconds wait_{0};
};

}  // namespace coturn_guard
