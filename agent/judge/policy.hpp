// SPDX-License-Identifier: GPL-3.0-or-later
// What the operator decides about judging, with every default. Passive data; Ledger and Ladder obey it.
#pragma once

#include <chrono>
#include <cstddef>

#include "model/flow.hpp"

namespace coturn_guard {

struct Policy {
  std::chrono::seconds findtime = std::chrono::hours(1);
  Points maxretry{3000};
  std::chrono::seconds bantime = std::chrono::minutes(1);
  std::chrono::seconds bantime_max = std::chrono::hours(5 * 7 * 24);
  double bantime_factor = 1.0;  // fail2ban's bantime.factor: multiplies the doubled time, never below bantime
  std::chrono::seconds forget_after =
      std::chrono::hours(5 * 7 * 24);  // or 3 x the last ban, whichever is longer
  unsigned ipv4_prefix = 32;
  unsigned ipv6_prefix = 64;
  // The measures of IPv6 networks of these lengths (judge/wide_networks); 0: they are not judged.
  Points maxretry_56{60'000};
  Points maxretry_48{240'000};
  std::size_t max_addresses = 200'000;
};

}  // namespace coturn_guard
