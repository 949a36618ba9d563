// SPDX-License-Identifier: GPL-3.0-or-later
// IPv4 hosts that come to us by IPv6: through a NAT64 (64:ff9b::/96, 64:ff9b:1::/48 and operators' own
// prefixes), 6to4 and Teredo. Who is judged is the IPv4 host; what is dropped is what arrives, the IPv6
// addresses that it can come from. Never the /64 around them: that is the whole translated Internet.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "model/address.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {

struct Translated {
  Address host;    // IPv4; where what is embedded is nobody's address, the IPv6 address itself
  Prefix arrives;  // what a ban of it is to drop
};

class TranslatedNetworks {
 public:
  // Of a NAT64's prefix: 32, 40, 48, 56, 64 or 96 bits (RFC 6052, section 2.2).
  [[nodiscard]] static bool is_nat64_length(unsigned length);

  // The operator's own, besides those that everybody knows.
  void set_nat64(std::vector<Prefix> prefixes) { nat64_ = std::move(prefixes); }
  // Absent: it is no translated address.
  [[nodiscard]] std::optional<Translated> find(const Address& address) const;

 private:
  std::vector<Prefix> nat64_;
};

}  // namespace coturn_guard
