// SPDX-License-Identifier: GPL-3.0-or-later
// What a packet's payload is: something that coturn speaks, or something foreign, by name where it has one.
// Looks at one payload alone; what it means for whom is the inspection's (packet_inspection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "detect/packet_headers.hpp"
#include "detect/packet_stun.hpp"

namespace coturn_guard {

enum class PacketKind : std::uint8_t {
  stun,
  channel_data,
  dtls_hello,
  dtls,  // any other record of it
  tls_hello,
  proxy,      // PROXY protocol, version 1 or 2
  undecided,  // too little of it is here to be sure that coturn does not speak it
  empty,      // no payload
  foreign,    // nothing of coturn's
};
inline constexpr std::size_t kPacketKinds = 9;
[[nodiscard]] std::string_view to_string(PacketKind kind);

struct PacketContent {
  PacketKind kind = PacketKind::foreign;
  std::string_view protocol = {};  // of `foreign`: its name, "unknown" where it has none; lives for ever
  std::optional<StunMessage> stun = std::nullopt;  // of `stun`
};

// `payload` is the beginning of `payload_bytes` bytes; over TCP, of the first that the client sent.
[[nodiscard]] PacketContent recognise_payload(std::span<const std::uint8_t> payload,
                                              std::size_t payload_bytes, Transport transport);

}  // namespace coturn_guard
