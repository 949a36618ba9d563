// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/protocol_headers.hpp"

namespace coturn_guard::protocols {
namespace {

using namespace std::string_view_literals;

// ---- ASN.1 with definite lengths

// Where the contents of the element at `at` begin; 0: there is none.
std::size_t inside(const Sample& s, std::size_t at, int tag) {
  if (s.at(at) != tag || s.at(at + 1) < 0) return 0;
  const int length = s.at(at + 1);
  if (length < 0x80) return at + 2;
  return length > 0x80 && length <= 0x84 ? at + 2 + static_cast<std::size_t>(length - 0x80) : 0;
}
// Behind a sequence and its first integer of one byte, which `value` gets.
std::size_t behind_integer(const Sample& s, int& value) {
  const std::size_t body = inside(s, 0, 0x30);
  if (body == 0 || s.at(body) != 2) return 0;
  const int length = s.at(body + 1);
  if (length < 1 || length > 4) return 0;
  value = s.at(body + 1 + static_cast<std::size_t>(length));
  return body + 2 + static_cast<std::size_t>(length);
}

// A question as RFC 1035 writes it: labels, type, class.
bool is_question(const Sample& s, std::size_t at) {
  for (int labels = 0; labels < 128; ++labels) {
    const int length = s.at(at);
    if (length < 0 || length > 63) return false;
    if (length == 0) return s.u16(at + 1) > 0 && (s.u16(at + 3) & 0x7fff) <= 255 && s.u16(at + 3) > 0;
    at += static_cast<std::size_t>(length) + 1;
  }
  return false;
}
std::size_t dns_begin(const Sample& s) {
  return s.tcp() ? 2 : 0;
}

}  // namespace

// ---- remote control

bool is_rdp(const Sample& s) {  // TPKT, then X.224's connection request
  return s.at(0) == 3 && s.at(1) == 0 && s.u16(2) == s.size() && s.at(4) + 5 == s.size() && s.at(5) == 0xe0;
}
bool is_smb(const Sample& s) {
  return s.at(0) == 0 && (s.begins("\xffSMB", 4) || s.begins("\xfeSMB", 4));
}
bool is_x11(const Sample& s) {
  return s.tcp() && ((s.begins("l\0\x0b\0"sv)) || (s.begins("B\0\0\x0b"sv)));
}
bool is_ipmi(const Sample& s) {
  return s.u32(0) == 0x0600ff07 || s.u32(0) == 0x0600ff06;
}

// ---- ASN.1

bool is_snmp(const Sample& s) {
  int version = -1;
  const std::size_t next = behind_integer(s, version);
  return next != 0 && (((version == 0 || version == 1) && s.at(next) == 0x04 && s.holds("\x02"sv)) ||
                       (version == 3 && s.at(next) == 0x30));
}
bool is_ldap(const Sample& s) {
  int message = -1;
  const std::size_t next = behind_integer(s, message);
  return next != 0 && (s.at(next) == 0x60 || s.at(next) == 0x63 || s.at(next) == 0x77);
}
bool is_kerberos(const Sample& s) {  // over TCP behind a length
  for (const std::size_t at : {std::size_t{0}, std::size_t{4}})
    for (const int tag : {0x6a, 0x6c})
      if (const std::size_t body = inside(s, at, tag); body != 0 && s.at(body) == 0x30) return true;
  return false;
}

// ---- names and time

bool is_dns(const Sample& s) {
  const std::size_t at = dns_begin(s);
  if (s.tcp() && s.u16(0) + 2 != s.size()) return false;
  return s.u16(at + 4) >= 1 && s.u16(at + 4) <= 8 && s.u16(at + 6) == 0 && is_question(s, at + 12);
}
bool is_netbios(const Sample& s) {
  return is_dns(s) && s.at(dns_begin(s) + 12) == 32 &&
         (s.u16(dns_begin(s) + 46) == 0x20 || s.u16(dns_begin(s) + 46) == 0x21);
}
bool is_ntp(const Sample& s) {
  const int version = s.at(0) >> 3 & 7;
  const int mode = s.at(0) & 7;
  if (s.tcp() || s.at(0) < 0 || version < 1 || version > 4) return false;
  if (mode == 3 || mode == 4 || mode == 1 || mode == 5)
    return s.size() == 48 || s.size() == 68 || s.size() == 72;
  if (mode == 6) return s.size() >= 12 && (s.at(1) & 0x1f) <= 12 && s.u16(10) + 12 <= s.size();
  return mode == 7 && s.size() >= 8 && (s.at(3) == 0x2a || s.at(3) == 0x14) &&
         s.size() <= 192;  // monlist and peers
}

// ---- tunnels and transports

bool is_quic(const Sample& s) {
  if (s.tcp() || (s.at(0) & 0x80) == 0 || s.at(0) < 0 || s.at(5) < 0 || s.at(5) > 20) return false;
  const std::int64_t version = s.u32(1);
  return version == 1 || version == 0x6b3343cf || (version & 0xffffff00) == 0xff000000 ||
         (version & 0x0f0f0f0f) == 0x0a0a0a0a || (version & 0xffffff00) == 0x51303000;
}
bool is_ike(const Sample& s) {
  const std::size_t at = s.u32(0) == 0 ? 4 : 0;  // RFC 3948: behind four zeros on its second port
  const int version = s.at(at + 17);
  return !s.tcp() && (version == 0x10 || version == 0x20) &&
         s.u32(at + 24) + static_cast<std::int64_t>(at) == s.size() && s.at(at + 18) > 0;
}
bool is_wireguard(const Sample& s) {
  if (s.tcp()) return false;
  return (s.u32(0) == 0x01000000 && s.size() == 148) || (s.u32(0) == 0x02000000 && s.size() == 92) ||
         (s.u32(0) == 0x03000000 && s.size() == 64) ||
         (s.u32(0) == 0x04000000 && s.size() >= 32 && s.size() % 16 == 0);
}
bool is_openvpn(const Sample& s) {
  const std::size_t at = s.tcp() ? 2 : 0;
  if (s.tcp() && s.u16(0) + 2 != s.size()) return false;
  const int opcode = s.at(at);
  // P_CONTROL_HARD_RESET_CLIENT_V2 and V3, key 0: alone, or behind an HMAC and a packet number
  const auto rest = s.size() - static_cast<std::int64_t>(at);
  if (opcode == 0x38 && rest == 14) return s.at(at + 9) == 0 && s.u32(at + 10) == 0;
  return (opcode == 0x38 || opcode == 0x50) && (rest == 42 || rest == 54 || rest == 86);
}
bool is_radius(const Sample& s) {
  return !s.tcp() && (s.at(0) == 1 || s.at(0) == 4 || s.at(0) == 12) && s.u16(2) == s.size() &&
         s.size() >= 20;
}
bool is_onc_rpc(const Sample& s) {  // a call, RPC version 2; over TCP behind a record mark
  const std::size_t at = s.tcp() ? 4 : 0;
  return s.u32(at + 4) == 0 && s.u32(at + 8) == 2 && s.u32(at + 12) >= 100'000 && s.u32(at + 12) < 0x40000000;
}
bool is_l2tp(const Sample& s) {
  return !s.tcp() && s.at(0) == 0xc8 && s.at(1) == 2 && s.u16(2) == s.size();
}
bool is_pptp(const Sample& s) {
  return s.u32(4) == 0x1a2b3c4d && s.u16(0) == s.size();
}
bool is_socks(const Sample& s) {
  return s.tcp() && ((s.at(0) == 5 && s.at(1) >= 1 && s.at(1) + 2 == s.size()) ||
                     (s.at(0) == 4 && (s.at(1) == 1 || s.at(1) == 2) && s.size() >= 9));
}
bool is_rtcp(const Sample& s) {
  return !s.tcp() && (s.at(0) & 0xc0) == 0x80 && s.at(0) >= 0 && s.at(1) >= 200 && s.at(1) <= 207 &&
         (s.u16(2) + 1) * 4 <= s.size();
}
bool is_rtp(const Sample& s) {
  const int type = s.at(1) & 0x7f;
  return !s.tcp() && s.at(0) >= 0x80 && s.at(0) <= 0xbf && s.at(1) >= 0 && s.size() >= 12 &&
         (type <= 34 || type >= 96) && s.size() >= 12 + 4 * (s.at(0) & 0x0f);
}

// ---- machines and databases

bool is_coap(const Sample& s) {
  if (s.tcp() || (s.at(0) & 0xc0) != 0x40 || s.at(0) < 0 || (s.at(0) & 0x0f) > 8) return false;
  const int code = s.at(1);
  const std::size_t options = std::size_t{4} + static_cast<std::size_t>(s.at(0) & 0x0f);
  if (code == 0) return s.size() == 4;
  return code >= 1 && code <= 4 && s.size() >= static_cast<std::int64_t>(options);
}
bool is_mqtt(const Sample& s) {
  return s.at(0) == 0x10 && (s.holds("\0\x04MQTT"sv, 12) || s.holds("\0\x06MQIsdp"sv, 14));
}
bool is_bacnet(const Sample& s) {
  return !s.tcp() && s.at(0) == 0x81 && s.at(1) <= 0x0b && s.u16(2) == s.size();
}
bool is_modbus(const Sample& s) {
  return s.tcp() && s.u16(2) == 0 && s.u16(4) + 6 == s.size() && s.at(7) >= 1 && s.at(7) <= 0x2b &&
         s.size() >= 8;
}
bool is_postgresql(const Sample& s) {
  return s.tcp() && s.u32(0) == s.size() &&
         (s.u32(4) == 80877103 || s.u32(4) == 80877104 || s.u32(4) == 0x00030000);
}
bool is_mssql(const Sample& s) {
  return s.tcp() && s.at(0) == 0x12 && s.at(1) <= 1 && s.u16(2) == s.size();
}
bool is_mongodb(const Sample& s) {
  return s.tcp() && s.at(2) == 0 && s.at(3) == 0 && (s.u32(12) == 0xd4070000 || s.u32(12) == 0xdd070000);
}

}  // namespace coturn_guard::protocols
