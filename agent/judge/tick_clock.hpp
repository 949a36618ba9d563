// SPDX-License-Identifier: GPL-3.0-or-later
// The judges' scale of time: milliseconds since the first call (or since an earlier run's, begin()), which
// has a year before it and 16 years after it. It never runs backwards and reads no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "judge/window.hpp"
#include "model/clock.hpp"
#include "model/lasting_scale.hpp"

namespace coturn_guard {

inline constexpr Tick kTickMask = (Tick{1} << kTickBits) - 1;

// Negative durations count as none, those beyond the scale as all of it.
[[nodiscard]] constexpr Tick ticks(std::chrono::seconds duration) {
  return std::min(static_cast<Tick>(std::max<std::chrono::seconds::rep>(duration.count(), 0)),
                  kTickMask / 1000) *
         1000;
}

class TickClock {
 public:
  static constexpr Tick kOrigin = kScaleOrigin;

  // Before the first call: kOrigin was then (LastingScale::origin).
  void begin(std::chrono::steady_clock::time_point origin) { first_ = origin; }

  // A `now` before an earlier call's counts as that one.
  [[nodiscard]] Tick at(const Now& now) {
    if (!first_) first_ = now.mono;
    const auto since = std::chrono::floor<std::chrono::milliseconds>(now.mono - *first_).count();
    if (since > 0) latest_ = std::max(latest_, std::min(kOrigin + static_cast<Tick>(since), kTickMask - 1));
    return latest_;
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> first_;
  Tick latest_ = kOrigin;
};

}  // namespace coturn_guard
