// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_inspection.hpp"

namespace coturn_guard {
namespace {

constexpr std::uint32_t kAsked = 1000, kAskedSigned = 250;
// What coturn 4.6.1 sends over IPv4, headers included (measured: gate_test.py answer_sizes).
constexpr std::uint32_t kBindingAnswer = 120, kChallenge = 128;

// Indications, and answers that nobody asked for, coturn answers with silence. What else than a Binding, or
// an Allocate that nobody signed, belongs to a running call or to somebody who has our nonce.
void weigh_stun(const StunMessage& stun, Inspection& seen) {
  if (stun.kind != StunClass::request) return;
  if (stun.method == kStunBinding) {
    seen.asked_milli = stun.integrity ? kAskedSigned : kAsked;
    seen.answer_bytes = kBindingAnswer;
  } else if (stun.method == kTurnAllocate && !stun.integrity) {
    seen.asked_milli = kAsked;
    seen.answer_bytes = kChallenge;
  }
}

void weigh_datagram(const PacketContent& content, Inspection& seen) {
  if (content.kind == PacketKind::stun) return weigh_stun(*content.stun, seen);
  if (content.kind != PacketKind::foreign) return;
  seen.fate = PacketFate::drop;
  seen.sign = PacketSign::foreign_udp;
}

}  // namespace

Inspection inspect(const Packet& packet) {
  Inspection seen;
  seen.packet_bytes = static_cast<std::uint32_t>(packet.wire_bytes);
  const auto headers = read_headers(packet.bytes, packet.wire_bytes);
  if (!headers) {
    // The kernel would not deliver it either; what is only cut short is not looked at any closer.
    seen.unreadable = headers.error() == HeaderTrouble::malformed;
    if (seen.unreadable) seen.fate = PacketFate::drop;
    return seen;
  }
  seen.read = true;
  seen.source = headers->source;
  seen.destination = headers->destination;
  seen.transport = headers->transport;
  const auto content = recognise_payload(headers->payload, headers->payload_bytes, headers->transport);
  seen.kind = content.kind;
  seen.protocol = content.protocol;
  if (headers->transport == Transport::udp)
    weigh_datagram(content, seen);
  else if (content.kind == PacketKind::foreign)
    seen.sign = PacketSign::foreign_tcp;
  return seen;
}

}  // namespace coturn_guard
