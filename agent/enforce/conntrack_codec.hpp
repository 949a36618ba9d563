// SPDX-License-Identifier: GPL-3.0-or-later
// The kernel's table of flows (conntrack) by netlink, as far as we end flows: the request for the list, what
// an entry says of its sender, and the request to delete it. No socket. Facts:
// linux/netfilter/nfnetlink_conntrack.h, net/netfilter/nf_conntrack_netlink.c.
#pragma once

#include <cstdint>
#include <optional>

#include "enforce/netlink_bytes.hpp"
#include "model/address.hpp"

namespace coturn_guard::conntrack {

// Who sent the first packet, and to which port: before any translation of addresses. The views borrow from
// the message.
struct Flow {
  std::uint8_t family = 0;    // AF_INET, AF_INET6
  std::uint8_t protocol = 0;  // IPPROTO_…
  Address source;
  std::uint16_t port = 0;             // destination's; 0: the protocol has none
  ByteView tuple;                     // CTA_TUPLE_ORIG, for put_delete()
  std::optional<std::uint32_t> id;    // as the kernel sent it
  std::optional<std::uint16_t> zone;  // as the kernel sent it
};

void put_count(Bytes& out, std::uint32_t sequence);  // of flows in this network namespace
void put_list(Bytes& out, std::uint32_t sequence);   // both families
// This very entry: not one that took its place.
void put_delete(Bytes& out, std::uint32_t sequence, const Flow& flow);

[[nodiscard]] std::optional<std::uint32_t> decode_count(const Message& message);
// Absent: no flow of TCP or UDP, or one that is not complete.
[[nodiscard]] std::optional<Flow> decode_flow(const Message& message);

}  // namespace coturn_guard::conntrack
