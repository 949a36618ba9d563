// SPDX-License-Identifier: GPL-3.0-or-later
// Private sources that would be banned and may stand for many: a balancer that forgot its PROXY protocol, a
// container bridge, a Kubernetes node, a router that hairpins. Their weak offences ban nobody; when they
// would have, the operator is alarmed instead, and again at the intervals at which bans of it would have
// grown. What strong rules tell of is another's to judge.
//
// Public neighbours on our link are none of them, for a data centre's subnet can be rented.
#pragma once

#include <chrono>
#include <deque>
#include <vector>

#include "judge/ledger.hpp"
#include "judge/policy.hpp"
#include "model/flow.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class PrivateSources {
 public:
  static constexpr std::size_t kMostAddresses = 4096;  // measured
  static constexpr std::size_t kMostAlarms = 64;       // remembered, the oldest goes first
  static constexpr std::chrono::hours kAlarmLasts{1};

  struct Alarm {
    Prefix network;
    RuleId rule = 0;
    std::chrono::steady_clock::time_point when;
  };

  PrivateSources(const Policy& policy, const HashSeed& seed);

  // By what the offence costs. True: it would have been a ban, and this is the moment to say so.
  [[nodiscard]] bool take(const Offence& offence, std::chrono::seconds window, const Now& now);
  // It was alarmed about some time.
  [[nodiscard]] bool alarmed(const Prefix& network) const;
  // Of the last hour, one for each network.
  [[nodiscard]] std::vector<Alarm> alarms(const Now& now) const;
  void forgive(const Prefix& network);
  void set_policy(const Policy& policy);
  void clear_alarms() { alarms_.clear(); }  // rule numbers mean other rules

 private:
  Ledger ledger_;
  std::deque<Alarm> alarms_;
};

}  // namespace coturn_guard
