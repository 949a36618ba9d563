// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/private_sources.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

Policy bounded(Policy policy) {
  policy.max_addresses = PrivateSources::kMostAddresses;
  return policy;
}

}  // namespace

PrivateSources::PrivateSources(const Policy& policy, const HashSeed& seed) : ledger_(bounded(policy), seed) {}

bool PrivateSources::take(const Offence& offence, std::chrono::seconds window, const Now& now) {
  if (!ledger_.record(offence, window, now)) return false;
  const Prefix network = ledger_.network_of(offence);
  std::erase_if(alarms_, [&](const Alarm& alarm) { return alarm.network == network; });
  if (alarms_.size() >= kMostAlarms) alarms_.pop_front();
  alarms_.push_back({network, offence.rule, now.mono});
  return true;
}

bool PrivateSources::alarmed(const Prefix& network) const {
  return ledger_.earlier_bans(network) > 0;
}

std::vector<PrivateSources::Alarm> PrivateSources::alarms(const Now& now) const {
  std::vector<Alarm> found;
  for (const Alarm& alarm : alarms_)
    if (now.mono - alarm.when < kAlarmLasts) found.push_back(alarm);
  return found;
}

void PrivateSources::forgive(const Prefix& network) {
  ledger_.forgive(network, true);
  std::erase_if(alarms_, [&](const Alarm& alarm) { return alarm.network.overlaps(network); });
}

void PrivateSources::set_policy(const Policy& policy) {
  ledger_.set_policy(bounded(policy));
}

}  // namespace coturn_guard
