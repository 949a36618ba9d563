// SPDX-License-Identifier: GPL-3.0-or-later
// What waits for one hook: so many a second, so many at once, so many waiting, and the rest is counted. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "control/hook.hpp"

namespace coturn_guard {

struct HookCounters {
  std::uint64_t called = 0;
  std::uint64_t left_out = 0;  // over the rate, or with a full queue
};

class HookQueue {
 public:
  static constexpr std::size_t kMostWaiting = 1000;

  using Time = std::chrono::steady_clock::time_point;

  HookQueue(std::uint32_t per_second, std::uint32_t burst, std::size_t most_at_once)
      : per_second_(per_second), burst_(burst), most_at_once_(most_at_once), tokens_(burst) {}

  // Whether one more may wait; a yes is used up, and push() is to follow.
  [[nodiscard]] bool admits(Time now);
  void push(HookCall call) { waiting_.push_back(std::move(call)); }
  // The next call to begin; absent where none waits or enough run.
  [[nodiscard]] std::optional<HookCall> begin();
  void ended() { --running_; }
  // How many were left out since it was last asked.
  [[nodiscard]] std::uint64_t take_left_out();

  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] const HookCounters& counters() const { return counters_; }

 private:
  std::uint32_t per_second_, burst_;
  std::size_t most_at_once_;
  double tokens_;
  Time filled_{};
  std::size_t running_ = 0;
  std::deque<HookCall> waiting_;
  HookCounters counters_;
  std::uint64_t untold_ = 0;
};

}  // namespace coturn_guard
