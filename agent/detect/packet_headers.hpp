// SPDX-License-Identifier: GPL-3.0-or-later
// From the IP header to the payload of UDP or TCP: who sent it to whom, and what of the payload is there.
// Reads whatever bytes come (the kernel hands over what it looked at hardly itself) and never past their end.
// Checksums are not looked at: a network card or a veth pair may leave them to be filled in later, and
// whoever forges a sender can make them right anyway. Facts: RFC 791, 768, 9293, 8200.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <tl/expected.hpp>

#include "model/address.hpp"

namespace coturn_guard {

enum class Transport : std::uint8_t { udp, tcp };

struct PacketHeaders {
  Endpoint source, destination;
  Transport transport = Transport::udp;
  std::span<const std::uint8_t> payload;  // what is there of it; borrowed
  std::size_t payload_bytes = 0;  // all of it; more than `payload` where copy or fragment end before it
  std::size_t upper_at = 0;       // where in the packet the header of UDP or TCP begins
  std::size_t payload_at = 0;     // and the payload
  // Of TCP; 0 for UDP.
  static constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPush = 0x08, kUrgent = 0x20;
  std::uint8_t flags = 0;
  bool extended = false;  // extension headers stand between IPv6's and this one
};

enum class HeaderTrouble : std::uint8_t {
  truncated,       // ends within a header
  malformed,       // headers that contradict each other or the length; the kernel will not deliver it either
  later_fragment,  // has no transport header: what it belongs to was judged by its first fragment
  other_protocol,  // neither UDP nor TCP
};

// `wire_bytes`: Packet::wire_bytes, at least bytes.size().
[[nodiscard]] tl::expected<PacketHeaders, HeaderTrouble> read_headers(std::span<const std::uint8_t> bytes,
                                                                      std::size_t wire_bytes);

}  // namespace coturn_guard
