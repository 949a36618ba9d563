// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_interval.hpp"

#include <algorithm>
#include <tuple>

namespace coturn_guard::nftables {
namespace {

// Whole bytes of the family's addresses; false: there is none behind (before) the last (first) one.
bool step(Address::Bytes& bytes, Family family, bool up) {
  for (std::size_t at = bytes.size(); at > (family == Family::v4 ? kV4Offset : 0); --at) {
    auto& byte = bytes[at - 1];
    byte = static_cast<std::uint8_t>(up ? byte + 1 : byte - 1);
    if (byte != (up ? 0 : 0xff)) return true;
  }
  return false;
}

Address last_of(const Prefix& prefix) {
  auto bytes = prefix.network().bytes();
  for (unsigned bit = prefix.length() + (prefix.is_v4() ? 96 : 0); bit < 128; ++bit)
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80U >> bit % 8);
  return Address(bytes);
}

Address last_of_all(Family family) {
  return last_of(Prefix(family == Family::v4 ? Address::v4(0) : Address(), 0));
}

// The first address of IPv6 behind those that are IPv4's for us.
Address behind_mapped() {
  return neighbour(last_of_all(Family::v4), Family::v6, true).value();
}

bool is_foreign(const Address& address, Family family) {
  return address.is_v4() != (family == Family::v4);
}

void put(std::vector<Interval>& intervals, const Address& first, const Address& last, const Edge& begin,
         Family family) {
  const bool mapped = is_foreign(first, family);
  if (mapped && is_foreign(last, family)) return;
  intervals.emplace_back(mapped ? behind_mapped() : first, last,
                         Element{.prefix = {},
                                 .timeout_seconds = begin.timeout_seconds,
                                 .packets = begin.packets,
                                 .bytes = begin.bytes});
}

}  // namespace

std::optional<Address> neighbour(const Address& address, Family family, bool up) {
  auto bytes = address.bytes();
  if (!step(bytes, family, up)) return std::nullopt;
  return Address(bytes);
}

std::vector<Interval> pair_up(std::vector<Edge> edges, Family family) {
  // Where one interval ends and the next begins, the end stands first.
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return std::tuple(a.address, !a.end) < std::tuple(b.address, !b.end);
  });
  std::vector<Interval> intervals;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].end) continue;  // also the one at the very first address that nft(8) sometimes puts there
    const bool ends = i + 1 < edges.size() && edges[i + 1].end;
    if (!ends && i + 1 < edges.size()) continue;  // only the very last address of all ends without saying so
    const auto last = ends ? neighbour(edges[i + 1].address, family, false) : std::nullopt;
    put(intervals, edges[i].address, last.value_or(last_of_all(family)), edges[i], family);
  }
  return intervals;
}

std::vector<Interval> singles(const std::vector<Edge>& edges, Family family) {
  std::vector<Interval> intervals;
  for (const auto& edge : edges) put(intervals, edge.address, edge.address, edge, family);
  return intervals;
}

void EdgePairs::take(const Edge& edge, Family family, std::vector<Element>& elements) {
  if (last_ && last_->address == edge.address) {
    // One interval ends where the next begins; it is the beginning that matters to both neighbours.
    if (!edge.end) last_ = edge;
    return;
  }
  if (last_) {
    const bool rising = last_->address < edge.address;
    const Edge& low = rising ? *last_ : edge;
    const Edge& high = rising ? edge : *last_;
    const auto end = neighbour(high.address, family, false);
    std::vector<Interval> found;
    if (!low.end && end) put(found, low.address, *end, low, family);
    for (const auto& interval : found)
      for (const Element& element : interval.elements()) elements.push_back(element);
  }
  last_ = edge;
}

Interval::Interval(const Element& element)
    : first(element.prefix.network()), last(last_of(element.prefix)), rest(element) {}

std::vector<Element> Interval::elements() const {
  std::vector<Element> all;
  const auto family = first.is_v4() ? Family::v4 : Family::v6;
  for (std::optional<Address> at = first; at && *at <= last;) {
    if (is_foreign(*at, family)) {
      at = behind_mapped();
      continue;
    }
    // The widest that begins here and does not reach too far.
    unsigned length = 0;
    while (Prefix(*at, length).network() != *at || last_of(Prefix(*at, length)) > last) ++length;
    all.push_back(rest);
    all.back().prefix = Prefix(*at, length);
    at = neighbour(last_of(all.back().prefix), family, true);
  }
  return all;
}

}  // namespace coturn_guard::nftables
