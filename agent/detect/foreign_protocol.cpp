// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/foreign_protocol.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "util/big_endian.hpp"

namespace coturn_guard {
namespace {

using namespace std::string_view_literals;

// A payload with questions that no end of it can break.
struct Sample {
  std::span<const std::uint8_t> bytes;
  std::size_t whole = 0;  // bytes on the wire
  Transport transport = Transport::udp;

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] bool begins(std::string_view with, std::size_t at = 0) const {
    return at <= bytes.size() && text().substr(at).starts_with(with);
  }
  [[nodiscard]] bool begins_with_one(std::initializer_list<std::string_view> words) const {
    return std::any_of(words.begin(), words.end(), [this](std::string_view word) { return begins(word); });
  }
  [[nodiscard]] bool holds(std::string_view word, std::size_t within = 256) const {
    return text().substr(0, within).find(word) != std::string_view::npos;
  }
  // -1, or 0xffff'ffff and the like, where the payload ends before.
  [[nodiscard]] int at(std::size_t index) const { return index < bytes.size() ? bytes[index] : -1; }
  [[nodiscard]] std::int64_t u16(std::size_t index) const {
    return index + 2 <= bytes.size() ? read_u16(bytes, index) : -1;
  }
  [[nodiscard]] std::int64_t u32(std::size_t index) const {
    return index + 4 <= bytes.size() ? std::int64_t{read_u32(bytes, index)} : -1;
  }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(whole); }
  [[nodiscard]] bool tcp() const { return transport == Transport::tcp; }
};

// ---- texts

bool is_http(const Sample& s) {
  return s.begins_with_one({"GET ", "POST ", "HEAD ", "PUT ", "DELETE ", "CONNECT ", "PATCH ", "TRACE ",
                            "OPTIONS /", "OPTIONS * HTTP", "PROPFIND ", "PRI * HTTP/2", "HTTP/1.", "HTTP/0"});
}
bool is_sip(const Sample& s) {
  return s.begins("SIP/2.0") || (s.holds(" sip:") && s.at(0) >= 'A' && s.at(0) <= 'Z') ||
         s.holds(" SIP/2.0\r\n");
}
bool is_rtsp(const Sample& s) {
  return s.begins("RTSP/1.0") || s.holds(" rtsp://") || s.holds(" RTSP/1.0\r\n");
}
bool is_ssdp(const Sample& s) {
  return s.begins_with_one({"M-SEARCH * HTTP", "NOTIFY * HTTP"});
}
bool is_ssh(const Sample& s) {
  return s.begins("SSH-");
}
bool is_smtp(const Sample& s) {
  return s.begins_with_one({"EHLO ", "HELO ", "EHLO\r", "HELO\r", "MAIL FROM:", "ehlo ", "helo "});
}
bool is_ftp(const Sample& s) {
  return s.begins_with_one({"USER ", "AUTH TLS\r", "FEAT\r", "SYST\r", "PASS "});
}
bool is_imap(const Sample& s) {
  return s.holds(" CAPABILITY\r\n", 32) || s.holds(" LOGIN ", 16);
}
bool is_redis(const Sample& s) {
  return (s.at(0) == '*' && s.at(1) >= '1' && s.at(1) <= '9' && s.holds("\r\n$", 8)) ||
         s.begins_with_one({"PING\r\n", "INFO\r\n", "CONFIG GET"});
}
bool is_memcached(const Sample& s) {
  const auto speaks = [&](std::size_t at) {
    for (const auto word :
         {"stats"sv, "get "sv, "gets "sv, "set "sv, "version\r"sv, "flush_all"sv, "mn\r"sv, "mg "sv})
      if (s.begins(word, at)) return true;
    return false;
  };
  // Over UDP eight bytes stand before it: request, sequence, number of datagrams, zero.
  if (!s.tcp() && s.u16(2) == 0 && s.u16(4) == 1 && s.u16(6) == 0 && speaks(8)) return true;
  return speaks(0) || (s.at(0) == 0x80 && s.at(1) <= 0x1f && s.at(1) >= 0 && s.size() >= 24 &&
                       s.u16(6) == 0 && s.u32(8) + 24 == s.size());
}
bool is_vnc(const Sample& s) {
  return s.begins("RFB 00");
}
bool is_telnet(const Sample& s) {
  return s.at(0) == 0xff && s.at(1) >= 0xfb && s.at(1) <= 0xfe && s.tcp();
}
bool is_bittorrent(const Sample& s) {
  return s.begins(
             "\x13"
             "BitTorrent protocol") ||
         s.begins_with_one({"d1:ad2:id20:", "d1:rd2:id20:", "d1:ad6:target", "d1:el"}) ||
         (s.u32(0) == 0x417 && s.u32(4) == 0x27101980);  // BEP 15
}
bool is_irc(const Sample& s) {
  return s.begins_with_one({"NICK ", "CAP LS"});
}
bool is_adb(const Sample& s) {
  return s.begins("CNXN") && s.size() >= 24;
}
bool is_amqp(const Sample& s) {
  return s.begins("AMQP");
}
bool is_printer(const Sample& s) {
  return s.begins("@PJL") || s.begins("\x1b%-12345X");
}
bool is_game_query(const Sample& s) {
  return s.u32(0) == 0xffffffff && (s.begins("TSource Engine Query", 4) || s.begins("getstatus", 4) ||
                                    s.begins("getinfo", 4) || s.at(4) == 'U');
}
bool is_tftp(const Sample& s) {
  return !s.tcp() && (s.u16(0) == 1 || s.u16(0) == 2) && (s.holds("\0octet"sv) || s.holds("\0netascii"sv));
}

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
bool is_dns_message(const Sample& s) {
  const std::size_t at = dns_begin(s);
  if (s.tcp() && s.u16(0) + 2 != s.size()) return false;
  return s.u16(at + 4) >= 1 && s.u16(at + 4) <= 8 && s.u16(at + 6) == 0 && is_question(s, at + 12);
}
bool is_netbios(const Sample& s) {
  return is_dns_message(s) && s.at(dns_begin(s) + 12) == 32 &&
         (s.u16(dns_begin(s) + 46) == 0x20 || s.u16(dns_begin(s) + 46) == 0x21);
}
bool is_dns(const Sample& s) {
  return is_dns_message(s);
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

struct Row {
  std::string_view name;
  bool (*knows)(const Sample&);
};

// The sharper ones first: a few bytes of a binary header are anybody's.
constexpr std::array kRows{
    Row{"SSDP", is_ssdp},
    Row{"RTSP", is_rtsp},
    Row{"SIP", is_sip},
    Row{"HTTP", is_http},
    Row{"SSH", is_ssh},
    Row{"SMTP", is_smtp},
    Row{"FTP", is_ftp},
    Row{"IMAP", is_imap},
    Row{"Redis", is_redis},
    Row{"VNC", is_vnc},
    Row{"Telnet", is_telnet},
    Row{"BitTorrent", is_bittorrent},
    Row{"IRC", is_irc},
    Row{"ADB", is_adb},
    Row{"AMQP", is_amqp},
    Row{"printer", is_printer},
    Row{"game query", is_game_query},
    Row{"MQTT", is_mqtt},
    Row{"SMB", is_smb},
    Row{"RDP", is_rdp},
    Row{"X11", is_x11},
    Row{"IPMI", is_ipmi},
    Row{"WireGuard", is_wireguard},
    Row{"PPTP", is_pptp},
    Row{"ONC RPC", is_onc_rpc},
    Row{"RADIUS", is_radius},
    Row{"L2TP", is_l2tp},
    Row{"PostgreSQL", is_postgresql},
    Row{"MongoDB", is_mongodb},
    Row{"TFTP", is_tftp},
    Row{"SNMP", is_snmp},
    Row{"LDAP", is_ldap},
    Row{"Kerberos", is_kerberos},
    Row{"NetBIOS", is_netbios},
    Row{"DNS", is_dns},
    Row{"IKE", is_ike},
    Row{"memcached", is_memcached},
    Row{"QUIC", is_quic},
    Row{"NTP", is_ntp},
    Row{"OpenVPN", is_openvpn},
    Row{"SQL Server", is_mssql},
    Row{"SOCKS", is_socks},
    Row{"RTCP", is_rtcp},
    Row{"BACnet", is_bacnet},
    Row{"RTP", is_rtp},
    Row{"Modbus", is_modbus},
    Row{"CoAP", is_coap},
};

}  // namespace

std::string_view foreign_protocol(std::span<const std::uint8_t> payload, std::size_t payload_bytes,
                                  Transport transport) {
  const Sample sample{payload, std::max(payload_bytes, payload.size()), transport};
  for (const auto& row : kRows)
    if (row.knows(sample)) return row.name;
  return {};
}

std::vector<std::string_view> known_protocols() {
  std::vector<std::string_view> names;
  names.reserve(kRows.size());
  for (const auto& row : kRows) names.push_back(row.name);
  return names;
}

}  // namespace coturn_guard
