// SPDX-License-Identifier: GPL-3.0-or-later
// A network: an address whose host bits are zero, and a length. The length counts in the address's own
// family: 0-32 for IPv4, 0-128 for IPv6. What is judged, banned and allowed is always a Prefix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/address.hpp"

namespace coturn_guard {

inline constexpr unsigned kWholeAddress = 128;  // as a length: the address alone, in either family

class Prefix {
 public:
  Prefix() = default;
  // Host bits are cut; a length over the family's longest is taken as the longest.
  Prefix(const Address& address, unsigned length);
  // "192.0.2.0/24", "2001:db8::/32", or an address alone (its longest prefix). Host bits are cut.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);

  [[nodiscard]] const Address& network() const { return network_; }
  [[nodiscard]] unsigned length() const { return length_; }
  [[nodiscard]] bool is_v4() const { return network_.is_v4(); }
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool overlaps(const Prefix& other) const;
  [[nodiscard]] std::string to_string() const;  // always with its length: "192.0.2.1/32"

  friend auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  Address network_;
  std::uint8_t length_ = 0;
};

}  // namespace coturn_guard
