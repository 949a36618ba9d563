// SPDX-License-Identifier: GPL-3.0-or-later
// A table in nf_tables that keeps coturn's relays from talking to coturn itself, as messages. Whoever has an
// account can have its relay send to any peer, to coturn's own listening ports as well, and guess from there:
// coturn's log then names an address of this host's, which nobody may ban. So what a user who is coturn's
// sends out of the relay ports, over loopback, to a port on which coturn listens, is dropped.
//
// By the user, for the relay ports lie among those that every program gets for its own connections: a
// balancer or a monitor of this host's runs as somebody else. Two clients whose relays talk to one another
// send to relay ports, and pass. Where coturn is root there is no such rule. A table of its own, the same
// beside every enforcer. No socket; libnftnl makes the bytes.
//
// What is sent is marked, and dropped where it arrives: dropped at once, coturn would have an error and close
// the relay, and a call's other end could name coturn's address as its own to have a customer's relay closed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "enforce/netlink_bytes.hpp"
#include "model/port_range.hpp"

namespace coturn_guard::relay_table {

inline constexpr const char* kTable = "coturn-guard-relay";  // of the family inet
inline constexpr const char* kMarking = "output";            // after whoever else sets marks
inline constexpr const char* kDropping = "prerouting";
inline constexpr std::uint32_t kMark = 0x7a3c9e51;  // of what is on its way to be dropped, on loopback alone

struct Wish {
  std::set<std::uint32_t> users;   // coturn's, none of them root
  std::vector<PortRange> relay;    // min-port to max-port
  std::vector<PortRange> coturns;  // where it listens; none of them a relay port

  [[nodiscard]] bool empty() const { return users.empty() || relay.empty() || coturns.empty(); }
  friend bool operator==(const Wish&, const Wish&) = default;
};

// What must stand in the chains, in order, one line a rule. Only for comparing.
[[nodiscard]] std::vector<std::string> describe(const Wish& wish);

// --- transactions. `sequence` is the first number; the number of the last message that is answered is
// returned. The table as wished, whatever stood there before.
std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish);
std::uint32_t put_delete(Bytes& out, std::uint32_t sequence);

// --- questions
void put_get_table(Bytes& out, std::uint32_t sequence);
void put_list_chains(Bytes& out, std::uint32_t sequence);  // also those of other tables
void put_list_rules(Bytes& out, std::uint32_t sequence);

// --- answers
// One of our two chains, where it belongs, with its accepting policy.
[[nodiscard]] bool is_our_chain(const Message& message);
// What a rule of theirs says; absent: no rule, or one of another table.
[[nodiscard]] std::optional<std::string> describe(const Message& message);
// Packets that it dropped.
[[nodiscard]] std::optional<std::uint64_t> decode_dropped(const Message& message);

}  // namespace coturn_guard::relay_table
