// SPDX-License-Identifier: GPL-3.0-or-later
// A table in nf_tables that lets nothing pass and stops nothing: of what coturn answers over UDP it hands us
// what it answers only to who has logged in (NFLOG). No socket: rules, messages and what they say.
//
//   answers   an Allocate or a Refresh that succeeded (two bytes of the payload, which what flows through a
//             relay does not have there), from a port on which coturn listens, with STUN's cookie
//   told      to an address that we were told of in the last ten minutes: no more of it. So whoever has an
//             account and refreshes thousands of times a second wakes us once
//   else      we are told of it, and it is kept in a set. Where that is full it is told all the same, so many
//             a second: who fills it, from tens of thousands of addresses that have all logged in, hides
//             nobody else
//
// What it tells is no proof of an offence; the good name that comes of it (Pipeline::answered) is whose
// address coturn answered. It holds no `ct` expression, so it switches no connection tracking on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "enforce/netlink_bytes.hpp"
#include "model/port_range.hpp"

namespace coturn_guard::logins_table {

inline constexpr const char* kTable = "coturn-guard-logins";  // of the family inet
inline constexpr std::uint32_t kMostTold = 65'536;            // of each family
inline constexpr std::uint32_t kCopyBytes = 1024;             // of a packet; the answers have some 150

struct Wish {
  std::vector<PortRange> ports;
  std::uint16_t group = 0;  // NFLOG's

  friend bool operator==(const Wish&, const Wish&) = default;
};

// What must stand in the table, in order, one line a rule. Only for comparing.
[[nodiscard]] std::vector<std::string> describe(const Wish& wish);

// --- transactions, as gate_table's
std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish);
std::uint32_t put_delete(Bytes& out, std::uint32_t sequence);
// --- questions
void put_list_rules(Bytes& out, std::uint32_t sequence);
// The group is ours from here on, and each packet comes at once. One message.
void put_bind(Bytes& out, std::uint32_t sequence, std::uint16_t group);

// --- answers
// What a rule of the table says; absent: no rule, or one of another table.
[[nodiscard]] std::optional<std::string> describe(const Message& message);
// The packet that NFLOG hands over, from its IP header on; absent: it is no such message.
[[nodiscard]] std::optional<ByteView> packet_of(const Message& message);

}  // namespace coturn_guard::logins_table
