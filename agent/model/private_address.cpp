// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/private_address.hpp"

#include <algorithm>
#include <array>

#include "model/prefix.hpp"

namespace coturn_guard {

bool is_private(const Address& address) {
  static const std::array<Prefix, 6> kPrivate{Prefix(Address::v4(0x0a000000), 8),   // 10.0.0.0/8
                                              Prefix(Address::v4(0xac100000), 12),  // 172.16.0.0/12
                                              Prefix(Address::v4(0xc0a80000), 16),  // 192.168.0.0/16
                                              Prefix(Address::v4(0xa9fe0000), 16),  // 169.254.0.0/16
                                              *Prefix::parse("fc00::/7"),
                                              *Prefix::parse("fe80::/10")};
  return std::any_of(kPrivate.begin(), kPrivate.end(),
                     [&](const Prefix& network) { return network.contains(address); });
}

}  // namespace coturn_guard
