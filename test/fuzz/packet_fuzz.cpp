// SPDX-License-Identifier: GPL-3.0-or-later
// What NFQUEUE hands over, whatever it is: nothing is read past its end (the sanitizers watch), what is told
// of it lies within it, and the same bytes as a bare payload are recognised as something with a name. The
// first byte says how much longer than its copy the packet claims to be.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "detect/packet_headers.hpp"
#include "detect/packet_kind.hpp"
#include "detect/packet_text.hpp"

namespace {

void recognise(std::span<const std::uint8_t> payload, std::size_t whole, coturn_guard::Transport transport) {
  using namespace coturn_guard;
  const auto content = recognise_payload(payload, whole, transport);
  if (to_string(content.kind) == "?") std::abort();
  if ((content.kind == PacketKind::foreign) == content.protocol.empty()) std::abort();
  if ((content.kind == PacketKind::stun) != content.stun.has_value()) std::abort();
  if ((content.kind == PacketKind::empty) != (whole == 0)) std::abort();
  const auto look = look_at_texts(payload, whole, transport);
  if (look.control_bytes && look.cut_short) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  if (size == 0) return 0;
  const std::size_t beyond = bytes[0] * std::size_t{8};
  const std::vector<std::uint8_t> packet(bytes + 1, bytes + size);  // exactly as long
  if (const auto headers = read_headers(packet, packet.size() + beyond)) {
    if (headers->payload.size() > headers->payload_bytes) std::abort();
    if (!headers->payload.empty() &&
        (headers->payload.data() < packet.data() ||
         headers->payload.data() + headers->payload.size() > packet.data() + packet.size()))
      std::abort();
    const std::vector<std::uint8_t> payload(headers->payload.begin(), headers->payload.end());
    recognise(payload, headers->payload_bytes, headers->transport);
  }
  recognise(packet, packet.size() + beyond, Transport::udp);
  recognise(packet, packet.size() + beyond, Transport::tcp);
  return 0;
}
