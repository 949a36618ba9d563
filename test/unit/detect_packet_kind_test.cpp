// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_kind.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "detect/foreign_protocol.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

using Bytes = std::vector<std::uint8_t>;
const std::filesystem::path kPackets = SOURCE_ROOT "/test/data/packets";

Bytes recorded(const std::string& name) {
  std::ifstream file(kPackets / name, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}
Transport transport_of(const std::string& name) {
  return name.ends_with(".tcp") ? Transport::tcp : Transport::udp;
}
Bytes bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

// In one word what a payload is.
std::string word(const Bytes& payload, Transport transport, std::size_t whole = 0) {
  const auto content = recognise_payload(payload, std::max(whole, payload.size()), transport);
  return content.kind == PacketKind::foreign ? std::string(content.protocol)
                                             : std::string(to_string(content.kind));
}

const std::map<std::string, std::string> kRecorded{
    {"http-curl.tcp", "HTTP"},
    {"http2-curl.tcp", "HTTP"},
    {"tls-curl.tcp", "TLS ClientHello"},
    {"tls-openssl.tcp", "TLS ClientHello"},
    {"tls12-openssl.tcp", "TLS ClientHello"},
    {"tls-nmap.tcp", "TLS ClientHello"},
    {"dtls-openssl.udp", "DTLS ClientHello"},
    {"dtls-nmap.udp", "DTLS ClientHello"},
    {"proxy1-curl.tcp", "PROXY protocol"},
    {"rtsp-curl.tcp", "RTSP"},
    {"telnet-curl.tcp", "Telnet"},
    {"smtp-curl.tcp", "SMTP"},
    {"ftp-curl.tcp", "FTP"},
    {"imap-curl.tcp", "IMAP"},
    {"ldap-curl.tcp", "LDAP"},
    {"ldap-ldapsearch.tcp", "LDAP"},
    {"ldap-nmap.tcp", "LDAP"},
    {"ldap-nmap.udp", "LDAP"},
    {"mqtt-curl.tcp", "MQTT"},
    {"mqtt-mosquitto.tcp", "MQTT"},
    {"tftp-curl.udp", "TFTP"},
    {"tftp-hpa.udp", "TFTP"},
    {"smb-curl.tcp", "SMB"},
    {"smb-smbclient.tcp", "SMB"},
    {"smb-nmap.tcp", "SMB"},
    {"socks5-curl.tcp", "SOCKS"},
    {"socks4-curl.tcp", "SOCKS"},
    {"ssh.tcp", "SSH"},
    {"postgresql-psql.tcp", "PostgreSQL"},
    {"dns-dig.udp", "DNS"},
    {"dns-dig.tcp", "DNS"},
    {"dns-nmap.tcp", "DNS"},
    {"snmp2-snmpget.udp", "SNMP"},
    {"snmp3-snmpget.udp", "SNMP"},
    {"snmp-nmap.udp", "SNMP"},
    {"ntp-ntpdig.udp", "NTP"},
    {"ntp-nmap.udp", "NTP"},
    {"redis-cli.tcp", "Redis"},
    {"redis-nmap.tcp", "Redis"},
    {"coap-client.udp", "CoAP"},
    {"coap-nmap.udp", "CoAP"},
    {"sip-sipsak.udp", "SIP"},
    {"openvpn.udp", "OpenVPN"},
    {"openvpn.tcp", "OpenVPN"},
    {"ike1-ike-scan.udp", "IKE"},
    {"ike2-ike-scan.udp", "IKE"},
    {"ike-nmap.udp", "IKE"},
    {"ipmi-ipmitool.udp", "IPMI"},
    {"ipmi-nmap.udp", "IPMI"},
    {"memcached-memcstat.tcp", "memcached"},
    {"memcached-nmap.tcp", "memcached"},
    {"memcached-nmap.udp", "memcached"},
    {"mssql-tsql.tcp", "SQL Server"},
    {"kerberos-kinit.udp", "Kerberos"},
    {"netbios-nmap.udp", "NetBIOS"},
    {"ssdp-nmap.udp", "SSDP"},
    {"rpc-nmap.udp", "ONC RPC"},
    {"radius-nmap.udp", "RADIUS"},
    {"l2tp-nmap.udp", "L2TP"},
    {"quake-nmap.udp", "game query"},
    {"source-engine-nmap.udp", "game query"},
    {"rdp-nmap.tcp", "RDP"},
    {"mongodb-nmap.tcp", "MongoDB"},
    {"stun-nmap.udp", "STUN"},
    {"stun-turn_client.udp", "STUN"},
    {"stun-turn_client.tcp", "STUN"},
    {"stun-turnutils.udp", "STUN"},
    {"stun-turnutils-allocate.udp", "STUN"},
};

// What no client of Debian's sends, written by hand from the protocols' documents.
const std::vector<std::tuple<std::string, Transport, std::string>> kWritten{
    {std::string("\x80\x60\x00\x01\x00\x00\x00\xa0\x12\x34\x56\x78", 12) + std::string(160, '\xff'),
     Transport::udp, "RTP"},
    {std::string("\x80\xc8\x00\x06", 4) + std::string(24, '\x01'), Transport::udp, "RTCP"},
    {std::string("\xc3\x00\x00\x00\x01\x08", 6) + std::string(1194, '\x11'), Transport::udp, "QUIC"},
    {std::string("\x01\x00\x00\x00", 4) + std::string(144, '\x33'), Transport::udp, "WireGuard"},
    {"RFB 003.008\n", Transport::tcp, "VNC"},
    {std::string("\x13") + "BitTorrent protocol" + std::string(48, '\0'), Transport::tcp, "BitTorrent"},
    {"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", Transport::udp, "BitTorrent"},
    {"REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: x\r\n", Transport::tcp, "SIP"},
    {std::string("\x17\x00\x03\x2a\x00\x00\x00\x00", 8), Transport::udp, "NTP"},
    {std::string("AMQP\0\0\x09\x01", 8), Transport::tcp, "AMQP"},
    {"NICK a\r\nUSER a 0 * :a\r\n", Transport::tcp, "IRC"},
};

}  // namespace

TEST_CASE("what real clients send first is recognised", "[detect][packet]") {
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator(kPackets)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".tcp") && !name.ends_with(".udp")) continue;
    INFO(name);
    REQUIRE(kRecorded.contains(name));
    CHECK(word(recorded(name), transport_of(name)) == kRecorded.at(name));
    seen.insert(name);
  }
  CHECK(seen.size() == kRecorded.size());
}

TEST_CASE("twenty foreign protocols and more are known from real clients' bytes", "[detect][packet]") {
  const auto known = known_protocols();
  std::set<std::string> shown;
  for (const auto& [file, name] : kRecorded)
    if (std::find(known.begin(), known.end(), name) != known.end()) shown.insert(name);
  CHECK(shown.size() >= 20);
}

TEST_CASE("what is written by hand after the documents is recognised, too", "[detect][packet]") {
  for (const auto& [text, transport, name] : kWritten) {
    INFO(name);
    CHECK(word(bytes(text), transport) == name);
  }
}

TEST_CASE("a cut payload is never taken for foreign where the whole is coturn's", "[detect][packet]") {
  for (const auto& [file, name] : kRecorded) {
    const bool ours =
        name == "STUN" || name.starts_with("TLS") || name.starts_with("PROXY") || name.starts_with("DTLS");
    if (!ours) continue;
    const Bytes whole = recorded(file);
    for (std::size_t size = 1; size < whole.size(); ++size) {
      INFO(file << " cut after " << size);
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const auto content = recognise_payload(cut, whole.size(), transport_of(file));
      // A client's first segment may be as short as he likes, too.
      const auto alone = recognise_payload(cut, transport_of(file) == Transport::tcp ? size : whole.size(),
                                           transport_of(file));
      CHECK(content.kind != PacketKind::foreign);
      CHECK(alone.kind != PacketKind::foreign);
    }
  }
}

TEST_CASE("STUN must fill its datagram, and its length is a multiple of four", "[detect][packet]") {
  Bytes stun = recorded("stun-turnutils-allocate.udp");
  CHECK(word(stun, Transport::udp) == "STUN");
  stun.push_back(0);
  CHECK(word(stun, Transport::udp) == "unknown");
  CHECK(word(stun, Transport::tcp) == "STUN");
  stun.resize(stun.size() - 5);
  CHECK(word(stun, Transport::udp) == "unknown");
  stun[3] = 1;
  CHECK(word(stun, Transport::udp) == "unknown");
}

TEST_CASE("method, class and signature of a STUN message are told", "[detect][packet]") {
  const Bytes binding = recorded("stun-turnutils.udp");
  auto stun = recognise_payload(binding, binding.size(), Transport::udp).stun;
  REQUIRE(stun);
  CHECK(stun->method == 1);
  CHECK(stun->kind == StunClass::request);
  CHECK_FALSE(stun->integrity);
  CHECK_FALSE(stun->classic);
  Bytes success = binding;
  success[0] = 0x01, success[1] = 0x03;
  stun = recognise_payload(success, success.size(), Transport::udp).stun;
  REQUIRE(stun);
  CHECK(stun->method == 3);
  CHECK(stun->kind == StunClass::success);
  Bytes signed_one = binding;
  signed_one[3] = 24;
  const Bytes integrity{0x00, 0x08, 0x00, 0x14};
  signed_one.insert(signed_one.end(), integrity.begin(), integrity.end());
  signed_one.resize(44);
  stun = recognise_payload(signed_one, signed_one.size(), Transport::udp).stun;
  REQUIRE(stun);
  CHECK(stun->integrity);
}

TEST_CASE("a FINGERPRINT is checked by its CRC", "[detect][packet]") {
  // RFC 5769 section 2.1: a request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY,
  // FINGERPRINT
  Bytes request{0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e,
                0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24,
                0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1,
                0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68,
                0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c,
                0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5,
                0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf};
  auto content = recognise_payload(request, request.size(), Transport::udp);
  REQUIRE(content.stun);
  CHECK(content.stun->fingerprint == StunMessage::Fingerprint::right);
  CHECK(content.stun->integrity);
  content = recognise_payload(std::span(request).first(100), request.size(), Transport::udp);
  REQUIRE(content.stun);
  CHECK(content.stun->fingerprint == StunMessage::Fingerprint::unseen);
  request[30] ^= 1;
  CHECK(word(request, Transport::udp) == "STUN with a wrong FINGERPRINT");
}

TEST_CASE("without the cookie only what RFC 3489 had is STUN", "[detect][packet]") {
  Bytes old = recorded("stun-turnutils.udp");
  std::fill(old.begin() + 4, old.end(), std::uint8_t{0x5a});
  CHECK(word(old, Transport::udp) == "STUN");
  old[1] = 0x03;  // Allocate was not in it
  CHECK(word(old, Transport::udp) == "unknown");
}

TEST_CASE("ChannelData's length must fit, so that text is not taken for it", "[detect][packet]") {
  CHECK(word({0x40, 0x00, 0x00, 0x04, 1, 2, 3, 4}, Transport::udp) == "ChannelData");
  CHECK(word({0x7f, 0xff, 0x00, 0x01, 1, 0, 0, 0}, Transport::udp) == "ChannelData");
  CHECK(word({0x40, 0x00, 0x00, 0x05, 1, 2, 3, 4}, Transport::udp) == "unknown");
  CHECK(word(bytes("nonsense and more of it"), Transport::udp) == "unknown");
}

TEST_CASE("an empty payload is empty, and a short one is no crash", "[detect][packet]") {
  CHECK(word({}, Transport::udp) == "empty");
  CHECK(word({}, Transport::tcp) == "empty");
  for (int byte = 0; byte < 256; ++byte)
    for (const auto transport : {Transport::udp, Transport::tcp})
      for (std::size_t size = 1; size < 32; ++size)
        CHECK_NOTHROW(word(Bytes(size, static_cast<std::uint8_t>(byte)), transport));
}

TEST_CASE("no foreign protocol of the table is one of coturn's by another name", "[detect][packet]") {
  for (const auto& [file, name] : kRecorded) {
    const auto known = known_protocols();
    if (std::find(known.begin(), known.end(), name) == known.end()) continue;
    const auto kind = recognise_payload(recorded(file), recorded(file).size(), transport_of(file)).kind;
    INFO(file);
    CHECK(kind == PacketKind::foreign);
  }
}
