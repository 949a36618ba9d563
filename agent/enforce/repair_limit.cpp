// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/repair_limit.hpp"

#include <algorithm>

namespace coturn_guard {

bool RepairLimit::allows(Time now) {
  while (!repairs_.empty() && repairs_.front() + kWindow <= now) repairs_.pop_front();
  if (repairs_.empty()) wait_ = std::chrono::seconds{0};
  return now >= not_before_;
}

std::optional<std::chrono::seconds> RepairLimit::count(Time now) {
  repairs_.push_back(now);
  if (repairs_.size() <= kCalm) return std::nullopt;
  wait_ = std::clamp(wait_ * 2, kFirstWait, kLongestWait);
  not_before_ = now + wait_;
  return wait_;
}

}  // namespace coturn_guard
