// SPDX-License-Identifier: GPL-3.0-or-later
// The judges' scale of time: milliseconds since the first call (or since an earlier run's, begin()), which
// has a year before it and 16 years after it. It reads no clock, and goes where it is told: what several logs
// and the kernel tell of comes in no order while one of them is behind.
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

// How long ago; what is yet to come is no time ago.
[[nodiscard]] constexpr Tick since(Tick earlier, Tick now) {
  return now > earlier ? now - earlier : 0;
}

class TickClock {
 public:
  static constexpr Tick kOrigin = kScaleOrigin;

  // Before the first call: kOrigin was then (LastingScale::origin).
  void begin(std::chrono::steady_clock::time_point origin) { first_ = origin; }

  // Beyond the scale: its end.
  [[nodiscard]] Tick at(const Now& now) {
    if (!first_) first_ = now.mono;
    const auto passed = std::chrono::floor<std::chrono::milliseconds>(now.mono - *first_).count();
    constexpr std::int64_t kFirst = 1, kLast = static_cast<std::int64_t>(kTickMask) - 1;
    return static_cast<Tick>(std::clamp(static_cast<std::int64_t>(kOrigin) + passed, kFirst, kLast));
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> first_;
};

}  // namespace coturn_guard
