// SPDX-License-Identifier: GPL-3.0-or-later
// What can be told of a STUN message by itself, and TURN's ChannelData. It believes nothing: whether a nonce
// or a password is good only coturn knows. Facts: RFC 8489 sections 5 and 14.7, RFC 3489 section 11, RFC 8656
// section 12.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "detect/packet_headers.hpp"

namespace coturn_guard {

inline constexpr std::size_t kStunHeaderBytes = 20;
inline constexpr std::uint16_t kStunBinding = 1, kTurnAllocate = 3, kTurnRefresh = 4;  // methods

enum class StunClass : std::uint8_t { request, indication, success, error };

struct StunMessage {
  enum class Fingerprint : std::uint8_t { absent, right, wrong, unseen };  // unseen: not all of it is here

  std::uint16_t method = 0;
  StunClass kind = StunClass::request;
  bool classic = false;    // RFC 3489: without the cookie
  bool integrity = false;  // it claims to be signed by somebody who has our nonce
  Fingerprint fingerprint = Fingerprint::absent;
};

// `payload` is the beginning of `payload_bytes` bytes. Over UDP a message fills its datagram; over TCP more
// may follow, or some of it come later. Absent: it is no STUN.
[[nodiscard]] std::optional<StunMessage> read_stun(std::span<const std::uint8_t> payload,
                                                   std::size_t payload_bytes, Transport transport);
// Channel numbers as coturn takes them, 0x4000 to 0x7fff (RFC 5766; RFC 8656 ends at 0x4fff), and a length
// that fits.
[[nodiscard]] bool is_channel_data(std::span<const std::uint8_t> payload, std::size_t payload_bytes);

}  // namespace coturn_guard
