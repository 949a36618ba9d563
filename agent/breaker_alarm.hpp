// SPDX-License-Identifier: GPL-3.0-or-later
// Tells the operator that the circuit breaker opened, again every ten minutes while it is open, and that it
// closed. It opens and closes nothing.
#pragma once

#include <chrono>
#include <cstdint>

#include "judge/breaker.hpp"
#include "model/clock.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class BreakerAlarm {
 public:
  static constexpr std::chrono::minutes kRepeat{10};

  explicit BreakerAlarm(Log& log) : log_(log) {}

  // Once a second.
  void look(const Breaker& breaker, const Now& now);

 private:
  void tell_open(const Breaker& breaker, const Now& now);
  void tell_closed(const BreakerState& state, const Now& now);

  Log& log_;
  std::uint64_t told_openings_ = 0;
  bool told_open_ = false;
  std::chrono::steady_clock::time_point told_at_{};
};

}  // namespace coturn_guard
