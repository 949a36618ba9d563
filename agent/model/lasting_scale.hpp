// SPDX-License-Identifier: GPL-3.0-or-later
// One scale of time that outlives the process: milliseconds ("ticks") that go on where the last run stopped.
// Within a boot the steady clock of both runs is the same, so a wall clock that is set meanwhile changes
// nothing; over a reboot the wall clock is all there is, and a wall clock that went back counts as no time.
// So a clock that is wrong after a reboot ends a ban early at most by what it is fast, and none for its being
// slow.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "model/clock.hpp"

namespace coturn_guard {

// Where the scale of a first run begins: a year lies before it and 16 years after it (39 bits).
inline constexpr std::uint64_t kScaleOrigin = std::uint64_t{1} << 35;
inline constexpr std::uint64_t kScaleEnd = std::uint64_t{1} << 39;

// How the clocks stood together at some moment of an earlier run.
struct ScaleMark {
  std::string boot;             // the kernel's boot_id; empty: not known
  std::int64_t mono_milli = 0;  // of the steady clock
  std::int64_t wall_milli = 0;  // since 1970
  std::uint64_t tick = 0;

  friend bool operator==(const ScaleMark&, const ScaleMark&) = default;
};

class LastingScale {
 public:
  using Mono = std::chrono::steady_clock::time_point;

  LastingScale() = default;
  // A first run's: it begins now.
  explicit LastingScale(const Now& now) : origin_(now.mono) {}
  // Goes on from an earlier run's mark. `boot` is the present one.
  LastingScale(const ScaleMark& last, const std::string& boot, const Now& now) {
    const std::int64_t mono = milli(now.mono.time_since_epoch());
    const bool same_boot = !boot.empty() && boot == last.boot && mono >= last.mono_milli;
    const std::int64_t passed =
        same_boot ? mono - sane(last.mono_milli) : milli(now.wall.time_since_epoch()) - sane(last.wall_milli);
    const auto end = static_cast<std::int64_t>(kScaleEnd);
    const auto tick = std::min(
        static_cast<std::int64_t>(std::min(last.tick, kScaleEnd)) + std::max<std::int64_t>(passed, 0), end);
    origin_ = now.mono - std::chrono::milliseconds(tick - static_cast<std::int64_t>(kScaleOrigin));
  }

  // The moment at which the scale stood at kScaleOrigin; it may lie before the clock's beginning.
  [[nodiscard]] Mono origin() const { return origin_; }
  [[nodiscard]] std::uint64_t at(Mono moment) const {
    const std::int64_t since = std::chrono::floor<std::chrono::milliseconds>(moment - origin_).count();
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(since + static_cast<std::int64_t>(kScaleOrigin), 0));
  }
  // A ban may end beyond the scale; a century's is as long as any.
  [[nodiscard]] Mono moment(std::uint64_t tick) const {
    constexpr std::uint64_t kCentury = std::uint64_t{1} << 42;
    return origin_ + std::chrono::milliseconds(static_cast<std::int64_t>(std::min(tick, kCentury)) -
                                               static_cast<std::int64_t>(kScaleOrigin));
  }
  [[nodiscard]] ScaleMark mark(const std::string& boot, const Now& now) const {
    return {boot, milli(now.mono.time_since_epoch()), milli(now.wall.time_since_epoch()), at(now.mono)};
  }

 private:
  template <class Duration>
  static std::int64_t milli(Duration since) {
    return std::chrono::floor<std::chrono::milliseconds>(since).count();
  }

  // A file may hold anything.
  static std::int64_t sane(std::int64_t time_milli) {
    constexpr std::int64_t kFar = std::int64_t{1} << 50;
    return std::clamp(time_milli, -kFar, kFar);
  }

  Mono origin_{};
};

}  // namespace coturn_guard
