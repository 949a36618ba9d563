// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_kind.hpp"

#include <algorithm>
#include <array>

#include "detect/foreign_protocol.hpp"
#include "util/big_endian.hpp"

namespace coturn_guard {
namespace {

using Bytes = std::span<const std::uint8_t>;
using namespace std::string_view_literals;

constexpr auto kProxyV2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr auto kProxyV1 = "PROXY "sv;
constexpr std::size_t kRecordHeader = 5, kDtlsRecordHeader = 13;
constexpr std::uint8_t kChangeCipher = 20, kHandshake = 22, kHeartbeat = 24;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kStunHeader = 20;

std::string_view text_of(Bytes payload) {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

bool is_proxy(Bytes payload) {
  const auto text = text_of(payload);
  return text.starts_with(kProxyV2) || text.starts_with("PROXY TCP4 ") || text.starts_with("PROXY TCP6 ") ||
         text.starts_with("PROXY UNKNOWN");
}

// TLS's record with a ClientHello in it, or SSL 2's that old clients begin with (RFC 8446 section 5.1, RFC
// 5246 appendix E.2).
bool is_tls_hello(Bytes payload) {
  if (payload.size() <= kRecordHeader) return false;
  if (payload[0] == kHandshake && payload[1] == 3 && payload[2] <= 4)
    return read_u16(payload, 3) >= 4 && payload[kRecordHeader] == kClientHello;
  return (payload[0] & 0x80) != 0 && payload[2] == kClientHello && payload[3] == 3 && payload[4] <= 4 &&
         (read_u16(payload, 0) & 0x7fff) >= 9;
}

// A record of DTLS up to 1.2 (RFC 6347 section 4.1). The version 0x0100 is what OpenSSL wrote before DTLS had
// one; DTLS 1.3's short header is not looked for, because OpenSSL, and coturn with it, does not speak it.
PacketKind dtls_kind(Bytes payload, std::size_t payload_bytes) {
  if (payload.size() < kDtlsRecordHeader || payload[0] < kChangeCipher || payload[0] > kHeartbeat)
    return PacketKind::foreign;
  const std::uint16_t version = read_u16(payload, 1);
  if (version != 0xfeff && version != 0xfefd && version != 0x0100) return PacketKind::foreign;
  if (read_u16(payload, 11) + kDtlsRecordHeader > payload_bytes) return PacketKind::foreign;
  const bool hello = payload[0] == kHandshake && read_u16(payload, 3) == 0 &&
                     payload.size() > kDtlsRecordHeader && payload[kDtlsRecordHeader] == kClientHello;
  return hello ? PacketKind::dtls_hello : PacketKind::dtls;
}

// So little of a TCP stream that it may yet become something of coturn's.
bool may_become_ours(Bytes payload) {
  const auto text = text_of(payload);
  if (payload.size() < kProxyV2.size() && kProxyV2.starts_with(text)) return true;
  if (payload.size() < kProxyV1.size() + 7 && (text.starts_with(kProxyV1) || kProxyV1.starts_with(text)))
    return true;
  if (payload.size() <= kRecordHeader && payload[0] == kHandshake && (payload.size() < 2 || payload[1] == 3))
    return true;
  if (payload.size() >= kStunHeader || (payload[0] & 0xc0) != 0) return false;
  // STUN's header up to where it ends here.
  constexpr std::array<std::uint8_t, 4> kCookie{0x21, 0x12, 0xa4, 0x42};
  if (payload.size() > 3 && (payload[3] & 3) != 0) return false;
  for (std::size_t i = 4; i < std::min<std::size_t>(payload.size(), 8); ++i)
    if (payload[i] != kCookie[i - 4]) return false;
  return true;
}

PacketContent foreign(Bytes payload, std::size_t payload_bytes, Transport transport) {
  const auto name = foreign_protocol(payload, payload_bytes, transport);
  return {.kind = PacketKind::foreign, .protocol = name.empty() ? "unknown"sv : name};
}

PacketContent recognise_stream(Bytes payload, std::size_t payload_bytes) {
  if (auto stun = read_stun(payload, payload_bytes, Transport::tcp)) {
    // Coturn answers RFC 3489 over TCP, too; but what has no cookie there is rather something else's header.
    if (!stun->classic || foreign_protocol(payload, payload_bytes, Transport::tcp).empty())
      return {.kind = PacketKind::stun, .stun = stun};
  }
  if (is_tls_hello(payload)) return {.kind = PacketKind::tls_hello};
  if (is_proxy(payload)) return {.kind = PacketKind::proxy};
  const auto named = foreign(payload, payload_bytes, Transport::tcp);
  if (named.protocol == "unknown" && may_become_ours(payload)) return {.kind = PacketKind::undecided};
  return named;
}

PacketContent recognise_datagram(Bytes payload, std::size_t payload_bytes) {
  if (auto stun = read_stun(payload, payload_bytes, Transport::udp)) {
    if (stun->fingerprint == StunMessage::Fingerprint::wrong)
      return {.kind = PacketKind::foreign, .protocol = "STUN with a wrong FINGERPRINT"};
    return {.kind = PacketKind::stun, .stun = stun};
  }
  const PacketKind dtls = dtls_kind(payload, payload_bytes);
  if (dtls == PacketKind::dtls_hello) return {.kind = dtls};
  if (dtls == PacketKind::dtls) return {.kind = dtls};
  if (is_channel_data(payload, payload_bytes)) return {.kind = PacketKind::channel_data};
  if (payload.size() < kStunHeader && payload.size() < payload_bytes) return {.kind = PacketKind::undecided};
  return foreign(payload, payload_bytes, Transport::udp);
}

}  // namespace

std::string_view to_string(PacketKind kind) {
  switch (kind) {
    case PacketKind::stun: return "STUN";
    case PacketKind::channel_data: return "ChannelData";
    case PacketKind::dtls_hello: return "DTLS ClientHello";
    case PacketKind::dtls: return "DTLS";
    case PacketKind::tls_hello: return "TLS ClientHello";
    case PacketKind::proxy: return "PROXY protocol";
    case PacketKind::undecided: return "undecided";
    case PacketKind::empty: return "empty";
    case PacketKind::foreign: return "foreign";
  }
  return "?";
}

PacketContent recognise_payload(Bytes payload, std::size_t payload_bytes, Transport transport) {
  if (payload_bytes == 0) return {.kind = PacketKind::empty};
  if (payload.empty()) return {.kind = PacketKind::undecided};
  return transport == Transport::tcp ? recognise_stream(payload, payload_bytes)
                                     : recognise_datagram(payload, payload_bytes);
}

}  // namespace coturn_guard
