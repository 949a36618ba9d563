// SPDX-License-Identifier: GPL-3.0-or-later
// Our table in nf_tables alone, both ways: sets of intervals with timeouts and counters, a chain for each
// address family at prerouting before conntrack, and in it "this protocol, these ports, source in our set:
// count and drop". Requests appended to a buffer, answers to values; what stands in the sets is
// nftables_elements' business. No socket. Facts: linux/netfilter/nf_tables.h; net/netfilter/nf_tables_api.c.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/netlink_bytes.hpp"
#include "model/port_range.hpp"

namespace coturn_guard::nftables {

inline constexpr const char* kTable = "coturn_guard";  // of the family inet

// Every set of ours, and how the chain of its family drops by it, in this order.
struct SetRow {
  const char* name;
  Family family;
  bool udp_only;  // or all protocols where all ports are meant, else UDP and TCP
};
inline constexpr SetRow kSets[] = {
    {"banned4", Family::v4, false},
    {"banned6", Family::v6, false},
};
[[nodiscard]] const char* banned_set(Family family);
[[nodiscard]] const char* drop_chain(Family family);

struct Wish {
  Family family = Family::v4;
  std::vector<PortRange> ports;  // empty: all
};
// What must stand in the family's chain, one line a rule. Only for comparing.
[[nodiscard]] std::vector<std::string> describe(const Wish& wish);

struct SetHeader {
  std::uint32_t flags = 0;  // NFT_SET_…
  std::uint32_t key_type = 0;
  std::uint32_t key_bytes = 0;
  std::uint32_t size = 0;  // 0: no bound
};
// Of the family's addresses: what it holds may be taken over.
[[nodiscard]] bool same_keys(const SetHeader& header, Family family);
// And of intervals with timeouts, nothing else.
[[nodiscard]] bool same_kind(const SetHeader& header, Family family);
// As ours are: unbounded, too (the table of bans has the bound). Counters are no condition.
[[nodiscard]] inline bool fits(const SetHeader& header, Family family) {
  return same_kind(header, family) && header.size == 0;
}

// --- transactions. `sequence` is the first number; the number of the last message that is answered is
// --- returned.
// The table and the set with these elements; `instead` of a set that is there. `chain`: uses that
// set, and goes and comes at the same moment.
std::uint32_t put_make_set(Bytes& out, std::uint32_t sequence, Family family, bool instead,
                           const std::optional<Wish>& chain, std::span<const Element> elements);
// The chain with its rules; `anew`: there is one, which goes at the same moment.
std::uint32_t put_make_chain(Bytes& out, std::uint32_t sequence, const Wish& wish, bool anew);
// The table is there, and not dormant. Alone: the kernel refuses to wake a table and change its chains at
// once.
std::uint32_t put_wake(Bytes& out, std::uint32_t sequence);
std::uint32_t put_delete_chain(Bytes& out, std::uint32_t sequence, Family family);
std::uint32_t put_delete_table(Bytes& out, std::uint32_t sequence);

// --- questions ---
void put_get_generation(Bytes& out, std::uint32_t sequence);
void put_get_table(Bytes& out, std::uint32_t sequence, Family family);
void put_get_chain(Bytes& out, std::uint32_t sequence, Family family);
void put_list_rules(Bytes& out, std::uint32_t sequence, Family family);
void put_get_set(Bytes& out, std::uint32_t sequence, Family family);

// --- answers. Absent: the message is something else. ---
// Counts the transactions of this network namespace, whoever's.
[[nodiscard]] std::optional<std::uint32_t> decode_generation(const Message& message);
[[nodiscard]] std::optional<SetHeader> decode_set(const Message& message);

}  // namespace coturn_guard::nftables
