// SPDX-License-Identifier: GPL-3.0-or-later
#include "gate_judge.hpp"

#include <cstdint>

#include "detect/packet_headers.hpp"
#include "detect/packet_kind.hpp"
#include "detect/packet_text.hpp"
#include "detect/shortened_segment.hpp"

namespace coturn_guard {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The segment as it would be had it borne all that its stream began with.
Bytes with_payload(const Packet& packet, const PacketHeaders& headers, const Bytes& payload) {
  Bytes whole(packet.bytes.begin(), packet.bytes.begin() + static_cast<std::ptrdiff_t>(headers.payload_at));
  whole.insert(whole.end(), payload.begin(), payload.end());
  const bool v4 = whole[0] >> 4 == 4;
  const std::size_t length = whole.size() - (v4 ? 0 : 40), at = v4 ? 2 : 4;
  whole[at] = static_cast<std::uint8_t>(length >> 8);
  whole[at + 1] = static_cast<std::uint8_t>(length);
  return whole;
}

bool ends(const PacketHeaders& headers) {
  return (headers.flags & (PacketHeaders::kFin | PacketHeaders::kRst)) != 0;
}

}  // namespace

PacketDecision GateJudge::take(const Packet& packet, const Now& now, Outcome& outcome) {
  const auto headers = read_headers(packet.bytes, packet.wire_bytes);
  if (!headers || headers->payload_bytes == 0) return {.fate = pipeline_.take(packet, now, outcome)};
  const TextLook look = look_at_texts(headers->payload, headers->payload_bytes, headers->transport);
  if (look.control_bytes) {
    smoke_senders_.note(headers->source.address, headers->transport, now.mono);
    return {.fate = PacketFate::drop, .why = PacketDecision::Why::forging};
  }
  if (look.cut_short) return {.fate = PacketFate::drop, .why = PacketDecision::Why::cut_short};
  if (headers->transport == Transport::udp) return {.fate = pipeline_.take(packet, now, outcome)};
  const auto kind = recognise_payload(headers->payload, headers->payload_bytes, Transport::tcp).kind;
  return {
      .asked = {{.flow = {.local = headers->destination, .remote = headers->source},
                 .payload_bytes = static_cast<std::uint32_t>(headers->payload_bytes),
                 .shortened = kind == PacketKind::foreign ? shortened_segment(packet.bytes, packet.wire_bytes)
                                                          : std::vector<std::uint8_t>{}}}};
}

void GateJudge::taken(const Packet& packet, const SegmentProof& proof, const Now& now, Outcome& outcome) {
  const auto headers = read_headers(packet.bytes, packet.wire_bytes);
  if (!headers || headers->transport != Transport::tcp) return;
  const TcpFlow flow{.local = headers->destination, .remote = headers->source};
  // What nobody took may be anybody's. It makes no difference where the connection has said enough.
  if (!proof.taken && starts_.follows(flow, proof.before)) return;
  const auto heard = starts_.take(flow, proof.before, headers->payload, headers->payload_bytes, now.mono);
  if (heard.enough && !ends(*headers)) heard_.push_back(flow);
  if (!heard.known) return;
  if (proof.before == 0) {
    static_cast<void>(pipeline_.take(packet, now, outcome));
  } else {
    const Bytes whole = with_payload(packet, *headers, heard.bytes);
    static_cast<void>(pipeline_.take(Packet{whole, whole.size()}, now, outcome));
  }
}

}  // namespace coturn_guard
