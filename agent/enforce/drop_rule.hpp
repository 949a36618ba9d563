// SPDX-License-Identifier: GPL-3.0-or-later
// The drop rule as nf_tables messages, both ways: our own table in the families ip and ip6, one base chain at
// prerouting before conntrack, and in it "this protocol, these ports, source in our set: count and drop". The
// set is matched by xtables' own `set` match through nf_tables' compat layer, because nf_tables cannot look
// into an ipset. Own table: nothing of it ends up in rule files that iptables-save writes. No socket;
// libnftnl makes the bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "enforce/enforcer.hpp"
#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_bytes.hpp"

namespace coturn_guard::drop_rule {

inline constexpr const char* kTable = "coturn-guard";
inline constexpr const char* kChain = "prerouting";

struct Wish {
  ipset::Family family = ipset::Family::v4;
  std::uint16_t set_index = 0;   // the kernel's number of the set, see ipset::put_index()
  std::vector<PortRange> ports;  // empty: all ports and protocols
};

// What must stand in the chain, in order, one line a rule: what it says, without handles and counters. Only
// for comparing with `describe()` of what the kernel has.
[[nodiscard]] std::vector<std::string> describe(const Wish& wish);

// --- requests. `sequence` is the first number; the number of the last message that is answered is returned.
// --- One transaction: the table as wished, whatever stood there before; a packet sees the old or the new,
// never neither.
std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish);
std::uint32_t put_delete(Bytes& out, std::uint32_t sequence, ipset::Family family);
void put_get_table(Bytes& out, std::uint32_t sequence, ipset::Family family);
void put_get_chain(Bytes& out, std::uint32_t sequence, ipset::Family family);
void put_list_rules(Bytes& out, std::uint32_t sequence, ipset::Family family);
// Does the kernel have the `set` match, revision 4? Answered by nft_compat, which is a module of its own.
void put_ask_match(Bytes& out, std::uint32_t sequence, ipset::Family family);

// --- answers ---
// The table is there and not dormant.
[[nodiscard]] bool is_active_table(const Message& message);
// Our chain, at the hook and priority where it belongs, with its accepting policy.
[[nodiscard]] bool is_our_chain(const Message& message);
// What a rule of our chain says; absent: no rule, or one of another table.
[[nodiscard]] std::optional<std::string> describe(const Message& message);
// Something happened to our table, or to a part of it (what group NFNLGRP_NFTABLES hears).
[[nodiscard]] bool concerns_us(const Message& notification);

}  // namespace coturn_guard::drop_rule
