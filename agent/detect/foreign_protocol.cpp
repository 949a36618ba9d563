// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/foreign_protocol.hpp"

#include <algorithm>
#include <array>

#include "detect/protocol_headers.hpp"
#include "detect/protocol_texts.hpp"

namespace coturn_guard {
namespace {

using namespace protocols;

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
