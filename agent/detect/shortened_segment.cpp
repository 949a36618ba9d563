// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/shortened_segment.hpp"

#include "detect/packet_headers.hpp"
#include "util/big_endian.hpp"

namespace coturn_guard {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kTcp = 6;
constexpr std::size_t kFlags = 13, kChecksum = 16;

void put_u16(std::vector<std::uint8_t>& bytes, std::size_t at, std::size_t value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}

// RFC 1071.
std::uint16_t folded(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}
std::uint64_t sum_of(Bytes bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += read_u16(bytes, i);
  if (bytes.size() % 2 != 0) sum += std::uint64_t{bytes.back()} << 8;
  return sum;
}
// With the addresses that stand before it. 0xffff: the checksum in there is right.
std::uint16_t sum_of_segment(Bytes packet, bool v4, std::size_t header) {
  const Bytes addresses = v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  return folded(sum_of(addresses) + kTcp + (packet.size() - header) + sum_of(packet.subspan(header)));
}

}  // namespace

std::vector<std::uint8_t> shortened_segment(Bytes bytes, std::size_t wire_bytes) {
  const auto headers = read_headers(bytes, wire_bytes);
  if (!headers || headers->transport != Transport::tcp || headers->payload.size() < 2) return {};
  const bool v4 = bytes[0] >> 4 == 4;
  if (headers->extended) return {};
  const std::size_t header = headers->upper_at, payload = headers->payload_at;
  // What stands behind the packet's own length is no part of it.
  const std::size_t whole = payload + headers->payload_bytes;
  if (whole > bytes.size()) return {};
  const std::uint8_t flags = headers->flags;
  if ((flags & (PacketHeaders::kSyn | PacketHeaders::kUrgent)) != 0) return {};
  if (sum_of_segment(bytes.first(whole), v4, header) != 0xffff) return {};
  std::vector<std::uint8_t> out(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(payload) + 1);
  out[header + kFlags] = static_cast<std::uint8_t>(flags & ~PacketHeaders::kFin) | PacketHeaders::kPush;
  if (v4) {
    put_u16(out, 2, out.size());
    put_u16(out, 10, 0);
    put_u16(out, 10, static_cast<std::uint16_t>(~folded(sum_of(Bytes(out).first(header)))));
  } else {
    put_u16(out, 4, out.size() - header);
  }
  put_u16(out, header + kChecksum, 0);
  put_u16(out, header + kChecksum, static_cast<std::uint16_t>(~sum_of_segment(out, v4, header)));
  return out;
}

}  // namespace coturn_guard
