// SPDX-License-Identifier: GPL-3.0-or-later
// Rows of addresses, as nf_tables' interval sets hold them: each is two elements, its beginning and the first
// address behind it. Ours are prefixes; somebody's by hand need not be. No netlink.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "enforce/element.hpp"

namespace coturn_guard::nftables {

// A row of addresses.
struct Interval {
  Interval(const Address& from, const Address& to, const Element& what) : first(from), last(to), rest(what) {}
  explicit Interval(const Element& element);
  Address first, last;
  Element rest;  // all but the prefix

  // One, where it is a prefix. `first` is of the family that all of it is.
  [[nodiscard]] std::vector<Element> elements() const;
};
// One end of an interval.
struct Edge {
  Address address;  // the first inside, or the first behind
  bool end = false;
  std::uint32_t timeout_seconds = 0;  // what is left, rounded up; 0: for ever. Of the beginning.
  std::uint64_t packets = 0, bytes = 0;
};
// Edges in any order. What lies among the IPv4-mapped addresses of IPv6 is left out: no packet comes from
// there, and for us they are IPv4's.
[[nodiscard]] std::vector<Interval> pair_up(std::vector<Edge> edges, Family family);
// Of a set that has no intervals: each is one address.
[[nodiscard]] std::vector<Interval> singles(const std::vector<Edge>& edges, Family family);

// The same, for a list that is read bit by bit in the order of its addresses, whichever way: an interval is
// known once its second edge has come. One that reaches the family's last address has none and is not told.
class EdgePairs {
 public:
  void take(const Edge& edge, Family family, std::vector<Element>& elements);  // appends

 private:
  std::optional<Edge> last_;
};

// The next address of the family, or the one before; absent: there is none.
[[nodiscard]] std::optional<Address> neighbour(const Address& address, Family family, bool up);
// Where an IPv4 address stands in the bytes of ours.
inline constexpr std::size_t kV4Offset = 12;

}  // namespace coturn_guard::nftables
