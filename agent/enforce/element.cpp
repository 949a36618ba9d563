// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/element.hpp"

#include <linux/netfilter.h>

namespace coturn_guard {

std::uint8_t netfilter_family(Family family) {
  return family == Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

const Prefix& canary(Family family) {
  static const Prefix v4(Address::v4(0xc63364fe), 31);  // 198.51.100.254/31
  static const Prefix v6 = *Prefix::parse("2001:db8:ffff:ffff::/64");
  return family == Family::v4 ? v4 : v6;
}

}  // namespace coturn_guard
