// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_inspection.hpp"

namespace coturn_guard {
namespace {

constexpr std::uint16_t kBinding = 1;
constexpr std::uint32_t kAsked = 1000, kAskedWithNonce = 250;
// What coturn 4.6.1 sends over IPv4, headers included (measured: gate_test.py answer_sizes).
constexpr std::uint32_t kBindingAnswer = 120, kChallenge = 128, kHelloVerify = 76;

void weigh_stun(const StunMessage& stun, Inspection& seen) {
  // Indications, and answers that nobody asked for, coturn answers with silence.
  if (stun.kind != StunClass::request) return;
  seen.asked_milli = stun.integrity ? kAskedWithNonce : kAsked;
  seen.answer_bytes = stun.method == kBinding ? kBindingAnswer : kChallenge;
}

void weigh_datagram(const PacketContent& content, Inspection& seen) {
  switch (content.kind) {
    case PacketKind::stun: return weigh_stun(*content.stun, seen);
    case PacketKind::dtls_hello:
      seen.asked_milli = kAsked;
      seen.answer_bytes = kHelloVerify;
      return;
    case PacketKind::foreign:
      seen.fate = PacketFate::drop;
      seen.sign = PacketSign::foreign_udp;
      // Also whoever only sends garbage is better dropped by the kernel alone.
      seen.asked_milli = kAsked;
      return;
    default: return;
  }
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
