// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/hook_queue.hpp"

#include <algorithm>
#include <utility>

namespace coturn_guard {

bool HookQueue::admits(Time now) {
  const std::chrono::duration<double> since = now - filled_;
  filled_ = now;
  tokens_ = std::min<double>(burst_, tokens_ + std::max(since.count(), 0.0) * per_second_);
  if (tokens_ < 1 || waiting_.size() >= kMostWaiting) {
    ++counters_.left_out;
    ++untold_;
    return false;
  }
  tokens_ -= 1;
  return true;
}

std::optional<HookCall> HookQueue::begin() {
  if (waiting_.empty() || running_ >= most_at_once_) return std::nullopt;
  auto call = std::move(waiting_.front());
  waiting_.pop_front();
  ++running_;
  ++counters_.called;
  return call;
}

std::uint64_t HookQueue::take_left_out() {
  return std::exchange(untold_, 0);
}

}  // namespace coturn_guard
