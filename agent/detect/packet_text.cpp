// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_text.hpp"

#include <algorithm>

#include "detect/packet_stun.hpp"
#include "util/big_endian.hpp"

namespace coturn_guard {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint16_t kUsername = 0x0006, kRealm = 0x0014, kOrigin = 0x802f;
constexpr unsigned kMostMessages = 64;  // in one segment

bool has_control_bytes(Bytes text) {
  return std::any_of(text.begin(), text.end(), [](std::uint8_t byte) { return byte < 0x20 || byte == 0x7f; });
}

// `message` is what is there of it. All attributes are gone through, as coturn does
// (stun_attr_get_next_str()): it stops neither at the first of a kind, nor at a signature, nor at a
// fingerprint, and pads each to four bytes. One that claims to be longer than the message is looked at as
// far as it goes.
bool message_has_control_bytes(Bytes message) {
  for (std::size_t at = kStunHeaderBytes; at + 4 <= message.size();) {
    const std::uint16_t type = read_u16(message, at);
    const std::size_t bytes = read_u16(message, at + 2);
    const Bytes rest = message.subspan(at + 4);
    if ((type == kUsername || type == kRealm || type == kOrigin) &&
        has_control_bytes(rest.first(std::min(rest.size(), bytes))))
      return true;
    at += 4 + ((bytes + 3) & ~std::size_t{3});
  }
  return false;
}

bool stream_has_control_bytes(Bytes payload, std::size_t payload_bytes) {
  for (unsigned message = 0; message < kMostMessages && payload.size() >= 4; ++message) {
    std::size_t length = 0;
    if (read_stun(payload, payload_bytes, Transport::tcp)) {
      length = kStunHeaderBytes + read_u16(payload, 2);
      if (message_has_control_bytes(payload.first(std::min(payload.size(), length)))) return true;
    } else if ((payload[0] & 0xc0) == 0x40) {
      length = (4 + read_u16(payload, 2) + std::size_t{3}) & ~std::size_t{3};  // ChannelData
    } else {
      return false;
    }
    if (length >= payload.size()) return false;
    payload = payload.subspan(length);
    payload_bytes -= length;
  }
  return false;
}

}  // namespace

TextLook look_at_texts(Bytes payload, std::size_t payload_bytes, Transport transport) {
  if (transport == Transport::tcp) return {.control_bytes = stream_has_control_bytes(payload, payload_bytes)};
  if (!read_stun(payload, payload_bytes, transport)) return {};
  if (message_has_control_bytes(payload)) return {.control_bytes = true};
  return {.cut_short = payload.size() < payload_bytes};
}

}  // namespace coturn_guard
