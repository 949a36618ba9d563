// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_stun.hpp"

#include <algorithm>
#include <boost/crc.hpp>

#include "util/big_endian.hpp"

namespace coturn_guard {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint32_t kCookie = 0x2112a442;
constexpr std::uint32_t kFingerprintMask = 0x5354554e;  // "STUN"
constexpr std::uint16_t kIntegrity = 0x0008, kIntegritySha256 = 0x001c, kFingerprint = 0x8028;
constexpr std::uint16_t kSharedSecret = 2;  // a method that RFC 3489 had

// The bits of the class stand between those of the method (RFC 8489 figure 3).
std::uint16_t method_of(std::uint16_t type) {
  return static_cast<std::uint16_t>((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
}
StunClass class_of(std::uint16_t type) {
  return static_cast<StunClass>((type & 0x0010) >> 4 | (type & 0x0100) >> 7);
}

StunMessage::Fingerprint check_fingerprint(Bytes message, std::size_t at) {
  boost::crc_32_type crc;
  crc.process_bytes(message.data(), at);
  const bool right = at + 8 == message.size() && read_u16(message, at + 2) == 4 &&
                     read_u32(message, at + 4) == (crc.checksum() ^ kFingerprintMask);
  return right ? StunMessage::Fingerprint::right : StunMessage::Fingerprint::wrong;
}

// `message` is what is there of `length` bytes.
void read_attributes(Bytes message, std::size_t length, StunMessage& stun) {
  std::size_t at = kStunHeaderBytes;
  while (at + 4 <= message.size()) {
    const std::uint16_t type = read_u16(message, at);
    if (type == kIntegrity || type == kIntegritySha256) stun.integrity = true;
    if (type == kFingerprint) {
      stun.fingerprint =
          message.size() < length ? StunMessage::Fingerprint::unseen : check_fingerprint(message, at);
      return;
    }
    at += 4 + ((read_u16(message, at + 2) + std::size_t{3}) & ~std::size_t{3});
  }
  if (message.size() < length) stun.fingerprint = StunMessage::Fingerprint::unseen;
}

}  // namespace

std::optional<StunMessage> read_stun(Bytes payload, std::size_t payload_bytes, Transport transport) {
  if (payload.size() < kStunHeaderBytes || (payload[0] & 0xc0) != 0) return std::nullopt;
  const std::uint16_t type = read_u16(payload, 0);
  const std::size_t length = kStunHeaderBytes + read_u16(payload, 2);
  if (length % 4 != 0) return std::nullopt;
  if (transport == Transport::udp && length != payload_bytes) return std::nullopt;
  StunMessage stun{.method = method_of(type), .kind = class_of(type)};
  if (read_u32(payload, 4) != kCookie) {
    // So little is left to know it by that only what RFC 3489 had is taken for it.
    stun.classic = true;
    if (stun.kind == StunClass::indication || (stun.method != kStunBinding && stun.method != kSharedSecret))
      return std::nullopt;
  }
  read_attributes(payload.first(std::min(payload.size(), length)), length, stun);
  if (stun.classic) stun.fingerprint = StunMessage::Fingerprint::absent;  // RFC 3489 knows none
  return stun;
}

bool is_channel_data(Bytes payload, std::size_t payload_bytes) {
  if (payload.size() < 4 || (payload[0] & 0xc0) != 0x40) return false;
  // Over UDP it need not be padded, over TCP more may follow (RFC 8656 section 12.5).
  return read_u16(payload, 2) + std::size_t{4} <= payload_bytes;
}

}  // namespace coturn_guard
