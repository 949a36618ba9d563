// SPDX-License-Identifier: GPL-3.0-or-later
// One packet that the gate holds: what becomes of it by itself, of which offence it is a sign, and how much
// of an answer it asks coturn for. Remembers nothing; who asks too much is judge/request_meter's.
#pragma once

#include <cstdint>
#include <string_view>

#include "detect/packet_kind.hpp"
#include "detect/rule.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

struct Inspection {
  PacketFate fate = PacketFate::accept;
  bool read = false;        // false: its headers tell nothing, and the rest is empty
  bool unreadable = false;  // not read because they are broken, not because there is nothing for us in it
  Endpoint source, destination;
  Transport transport = Transport::udp;
  PacketKind kind = PacketKind::empty;
  std::string_view protocol{};  // PacketContent::protocol
  PacketSign sign = PacketSign::none;
  // What coturn would do for it, in thousandths of a request that anybody can forge. One that bears a nonce
  // is a quarter: its answer is hardly longer than itself.
  std::uint32_t asked_milli = 0;
  std::uint32_t packet_bytes = 0;  // on the wire, IP header included
  std::uint32_t answer_bytes = 0;  // of coturn's, about
};

[[nodiscard]] Inspection inspect(const Packet& packet);

}  // namespace coturn_guard
