// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_headers.hpp"

#include <algorithm>

#include "util/big_endian.hpp"

namespace coturn_guard {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Read = tl::expected<PacketHeaders, HeaderTrouble>;

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::size_t kV4Header = 20, kV6Header = 40, kUdpHeader = 8, kTcpHeader = 20;
// IPv6's extension headers in the numbers of RFC 8200 section 4 and IANA's list; more of them than that
// nobody needs.
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kOptions = 60,
                       kMobility = 135, kHostIdentity = 139, kShim6 = 140;
constexpr unsigned kMostExtensions = 8;

tl::unexpected<HeaderTrouble> trouble(HeaderTrouble what) {
  return tl::unexpected<HeaderTrouble>(what);
}

// What lies behind the IP headers.
struct Upper {
  std::uint8_t protocol = 0;
  Bytes bytes;
  std::size_t wire_bytes = 0;
  bool fragment = false;  // the first of several: its transport header speaks of more than is here
};

Read read_udp(const Upper& upper, PacketHeaders headers) {
  if (upper.bytes.size() < kUdpHeader)
    return trouble(upper.wire_bytes < kUdpHeader ? HeaderTrouble::malformed : HeaderTrouble::truncated);
  headers.transport = Transport::udp;
  headers.source.port = read_u16(upper.bytes, 0);
  headers.destination.port = read_u16(upper.bytes, 2);
  const std::size_t length = read_u16(upper.bytes, 4);
  if (length < kUdpHeader || (length > upper.wire_bytes && !upper.fragment))
    return trouble(HeaderTrouble::malformed);
  headers.payload_at = headers.upper_at + kUdpHeader;
  headers.payload_bytes = length - kUdpHeader;
  headers.payload = upper.bytes.subspan(kUdpHeader);
  headers.payload = headers.payload.first(std::min(headers.payload.size(), headers.payload_bytes));
  return headers;
}

Read read_tcp(const Upper& upper, PacketHeaders headers) {
  if (upper.bytes.size() < kTcpHeader)
    return trouble(upper.wire_bytes < kTcpHeader ? HeaderTrouble::malformed : HeaderTrouble::truncated);
  headers.transport = Transport::tcp;
  headers.source.port = read_u16(upper.bytes, 0);
  headers.destination.port = read_u16(upper.bytes, 2);
  const std::size_t header = (upper.bytes[12] >> 4) * std::size_t{4};
  if (header < kTcpHeader || header > upper.wire_bytes) return trouble(HeaderTrouble::malformed);
  if (header > upper.bytes.size()) return trouble(HeaderTrouble::truncated);
  headers.payload_at = headers.upper_at + header;
  headers.flags = upper.bytes[13];
  headers.payload = upper.bytes.subspan(header);
  headers.payload_bytes = upper.wire_bytes - header;
  return headers;
}

Read read_upper(const Upper& upper, const PacketHeaders& headers) {
  switch (upper.protocol) {
    case kUdp: return read_udp(upper, headers);
    case kTcp: return read_tcp(upper, headers);
    default: return trouble(HeaderTrouble::other_protocol);
  }
}

Address v6_address(Bytes bytes, std::size_t at) {
  Address::Bytes address{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), address.size(), address.begin());
  return Address(address);
}

Read read_v4(Bytes bytes, std::size_t wire_bytes) {
  if (bytes.size() < kV4Header) return trouble(HeaderTrouble::truncated);
  const std::size_t header = (bytes[0] & 0x0f) * std::size_t{4};
  const std::size_t total = read_u16(bytes, 2);
  if (header < kV4Header || total < header || total > wire_bytes) return trouble(HeaderTrouble::malformed);
  if (header > bytes.size()) return trouble(HeaderTrouble::truncated);
  const std::uint16_t fragment = read_u16(bytes, 6);
  if ((fragment & 0x1fff) != 0) return trouble(HeaderTrouble::later_fragment);
  PacketHeaders headers;
  headers.source.address = Address::v4(read_u32(bytes, 12));
  headers.destination.address = Address::v4(read_u32(bytes, 16));
  headers.upper_at = header;
  const Bytes within = bytes.first(std::min(bytes.size(), total));  // a frame may be padded behind it
  return read_upper({.protocol = bytes[9],
                     .bytes = within.subspan(header),
                     .wire_bytes = total - header,
                     .fragment = (fragment & 0x2000) != 0},
                    headers);
}

// Steps over one extension header; absent where there is none to step over.
tl::expected<bool, HeaderTrouble> skip_extension(Upper& upper) {
  std::size_t length = 8;
  switch (upper.protocol) {
    case kHopByHop:
    case kRouting:
    case kOptions:
    case kMobility:
    case kHostIdentity:
    case kShim6:
    case kAuthentication:
    case kFragment: break;
    default: return false;
  }
  if (upper.bytes.size() < length)
    return trouble(upper.wire_bytes < length ? HeaderTrouble::malformed : HeaderTrouble::truncated);
  if (upper.protocol == kFragment) {
    const std::uint16_t fragment = read_u16(upper.bytes, 2);
    if ((fragment & 0xfff8) != 0) return trouble(HeaderTrouble::later_fragment);
    upper.fragment = upper.fragment || (fragment & 1) != 0;
  } else if (upper.protocol == kAuthentication) {
    length = (upper.bytes[1] + std::size_t{2}) * 4;
  } else {
    length = (upper.bytes[1] + std::size_t{1}) * 8;
  }
  if (length > upper.wire_bytes) return trouble(HeaderTrouble::malformed);
  if (length > upper.bytes.size()) return trouble(HeaderTrouble::truncated);
  upper.protocol = upper.bytes[0];
  upper.bytes = upper.bytes.subspan(length);
  upper.wire_bytes -= length;
  return true;
}

Read read_v6(Bytes bytes, std::size_t wire_bytes) {
  if (bytes.size() < kV6Header) return trouble(HeaderTrouble::truncated);
  const std::size_t length = read_u16(bytes, 4);
  if (length + kV6Header > wire_bytes) return trouble(HeaderTrouble::malformed);
  PacketHeaders headers;
  headers.source.address = v6_address(bytes, 8);
  headers.destination.address = v6_address(bytes, 24);
  Upper upper{
      .protocol = bytes[6], .bytes = bytes.subspan(kV6Header), .wire_bytes = length, .fragment = false};
  upper.bytes = upper.bytes.first(std::min(upper.bytes.size(), length));
  for (unsigned extension = 0; extension < kMostExtensions; ++extension) {
    const auto skipped = skip_extension(upper);
    if (!skipped) return trouble(skipped.error());
    if (!*skipped) {
      headers.upper_at = static_cast<std::size_t>(upper.bytes.data() - bytes.data());
      headers.extended = extension != 0;
      return read_upper(upper, headers);
    }
  }
  return trouble(HeaderTrouble::malformed);
}

}  // namespace

Read read_headers(Bytes bytes, std::size_t wire_bytes) {
  if (bytes.empty()) return trouble(HeaderTrouble::truncated);
  wire_bytes = std::max(wire_bytes, bytes.size());
  switch (bytes[0] >> 4) {
    case 4: return read_v4(bytes, wire_bytes);
    case 6: return read_v6(bytes, wire_bytes);
    default: return trouble(HeaderTrouble::malformed);
  }
}

}  // namespace coturn_guard
