// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps coturn's relays from talking to coturn itself, as long as bans are enforced and it is known who
// coturn is: for whom and for which ports the rule (enforce/relay_rule) stands. A help, not a need: where it
// cannot be had the operator is told.
#pragma once

#include <optional>
#include <set>

#include "announcer.hpp"
#include "config.hpp"
#include "enforce/relay_rule.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class RelayPost {
 public:
  RelayPost(Log& log, Announcer& announcer) : log_(log), announcer_(announcer) {}

  // Once a second. `users`: coturn's, empty where they are not known (it is stopped: then what stood stands).
  // `allowed`: nobody is only simulated; what an earlier run left is taken away with the drop rule.
  void tick(const Config& config, const std::set<std::uint32_t>& users, bool allowed, const Now& now);
  [[nodiscard]] std::uint64_t dropped() const { return rule_ ? rule_->dropped() : 0; }

 private:
  void install(const relay_table::Wish& wish, const Now& now);

  Log& log_;
  Announcer& announcer_;
  std::optional<RelayRule> rule_;
  relay_table::Wish wish_;
  std::chrono::steady_clock::time_point next_try_{};
};

}  // namespace coturn_guard
