// SPDX-License-Identifier: GPL-3.0-or-later
// By which doors an IPv4 host that comes through a translator (model/translated) is shut out: each prefix
// that it comes from must be dropped on its own, and it may have several. Bounded: who was silent longest
// goes first, and is shut out anew when it offends through a translator again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <set>
#include <vector>

#include "model/address.hpp"
#include "model/clock.hpp"
#include "model/prefix.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {

class Doors {
 public:
  static constexpr std::size_t kMaxHosts = 16'384;
  static constexpr std::size_t kMaxDoors = 8;  // of one host

  explicit Doors(const HashSeed& seed) : hosts_(seed) {}

  // The host was shut out by some door before.
  [[nodiscard]] bool knows(const Address& host) { return hosts_.find({host, 0}) != nullptr; }
  [[nodiscard]] bool is_shut(const Address& host, const Prefix& door, const Now& now) {
    const std::vector<Door>* const doors = hosts_.find({host, 0});
    if (doors == nullptr) return false;
    for (const Door& known : *doors)
      if (known.prefix == door) return now.mono < known.until;
    return false;
  }
  void shut(const Address& host, const Prefix& door, std::chrono::seconds duration, const Now& now) {
    std::vector<Door>& doors = hosts_.touch({host, 0}, now.mono);
    std::erase_if(doors, [&](const Door& known) { return known.prefix == door || known.until <= now.mono; });
    if (doors.size() >= kMaxDoors) doors.erase(doors.begin());
    doors.push_back({door, now.mono + std::min<std::chrono::seconds>(duration, kForEver)});
    known_.insert(host);
    if (hosts_.size() <= kMaxHosts) return;
    for (const Door& forgotten : hosts_.oldest().value)
      forgot_until_ = std::max(forgot_until_, forgotten.until);
    known_.erase(hosts_.oldest().key.address);
    hosts_.drop_oldest();
  }
  // The doors of all hosts in there, whether they are shut still or not: none is any more.
  [[nodiscard]] std::vector<Prefix> open_within(const Prefix& hosts) {
    std::vector<Prefix> opened;
    for (auto at = known_.lower_bound(hosts.network()); at != known_.end();) {
      if (!hosts.contains(*at)) {
        if (at->is_v4() == hosts.is_v4()) break;
        ++at;  // all of IPv4 lies between IPv6 addresses
        continue;
      }
      for (const Door& door : *hosts_.find({*at, 0})) opened.push_back(door.prefix);
      hosts_.erase({*at, 0});
      at = known_.erase(at);
    }
    return opened;
  }
  // That door of theirs is not shut after all. True: another one of them is.
  [[nodiscard]] bool reopen(const Prefix& hosts, const Prefix& door, const Now& now) {
    bool others = false;
    for (auto at = known_.lower_bound(hosts.network()); at != known_.end(); ++at) {
      if (!hosts.contains(*at)) {
        if (at->is_v4() == hosts.is_v4()) break;
        continue;  // all of IPv4 lies between IPv6 addresses
      }
      std::vector<Door>& doors = *hosts_.find({*at, 0});
      std::erase_if(doors, [&](const Door& known) { return known.prefix == door; });
      others = others || std::any_of(doors.begin(), doors.end(),
                                     [&](const Door& known) { return now.mono < known.until; });
    }
    return others;
  }
  // False: a host was forgotten for want of room, while a door of its was shut.
  [[nodiscard]] bool knows_all_hosts(const Now& now) const { return now.mono >= forgot_until_; }

 private:
  static constexpr std::chrono::hours kForEver{24 * 365 * 100};  // that a clock can hold

  struct Door {
    Prefix prefix;
    RecentTable<int>::Time until;
  };
  RecentTable<std::vector<Door>> hosts_;
  std::set<Address> known_;  // the same
  RecentTable<int>::Time forgot_until_{};
};

}  // namespace coturn_guard
