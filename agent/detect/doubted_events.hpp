// SPDX-License-Identifier: GPL-3.0-or-later
// Events whose time is in doubt (detect/log_clock), with their texts, until the next line of their log, or
// the end of what can be read, says when they were. What comes after one of them in the same log waits behind
// it. It judges nothing.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "detect/dating.hpp"
#include "detect/taint.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

class DoubtedEvents {
 public:
  // A line tells of few, and one line is in doubt at a time.
  static constexpr std::size_t kMost = 1024;

  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] bool full() const { return events_.size() >= kMost; }
  void add(const Event& event) { events_.emplace_back().keep(event, Speech::other, {}); }
  // Those of the log, in order and dated, to `take`; their texts live until it returns.
  template <class Take>
  void release(const Dating& dating, Take take) {
    std::deque<HeldEvent> all = std::exchange(events_, {});
    for (HeldEvent& held : all) {
      if (held.event.deed.log != dating.log) {
        events_.push_back(held);
        continue;
      }
      dating.date(held.event.deed);
      take(held.event);
    }
  }
  void waiting(std::vector<LinePlace>& lines) const {
    for (const HeldEvent& held : events_) lines.push_back(held.event.at);
  }

 private:
  std::deque<HeldEvent> events_;
};

}  // namespace coturn_guard
