// SPDX-License-Identifier: GPL-3.0-or-later
// Protocols that are known by the numbers of their headers. A few bytes are anybody's, so wherever a header
// tells its own length, that has to be right.
#pragma once

#include "detect/protocol_sample.hpp"

namespace coturn_guard::protocols {

[[nodiscard]] bool is_rdp(const Sample& s);
[[nodiscard]] bool is_smb(const Sample& s);
[[nodiscard]] bool is_x11(const Sample& s);
[[nodiscard]] bool is_ipmi(const Sample& s);
[[nodiscard]] bool is_snmp(const Sample& s);
[[nodiscard]] bool is_ldap(const Sample& s);
[[nodiscard]] bool is_kerberos(const Sample& s);
[[nodiscard]] bool is_dns(const Sample& s);
[[nodiscard]] bool is_netbios(const Sample& s);
[[nodiscard]] bool is_ntp(const Sample& s);
[[nodiscard]] bool is_quic(const Sample& s);
[[nodiscard]] bool is_ike(const Sample& s);
[[nodiscard]] bool is_wireguard(const Sample& s);
[[nodiscard]] bool is_openvpn(const Sample& s);
[[nodiscard]] bool is_radius(const Sample& s);
[[nodiscard]] bool is_onc_rpc(const Sample& s);
[[nodiscard]] bool is_l2tp(const Sample& s);
[[nodiscard]] bool is_pptp(const Sample& s);
[[nodiscard]] bool is_socks(const Sample& s);
[[nodiscard]] bool is_rtcp(const Sample& s);
[[nodiscard]] bool is_rtp(const Sample& s);
[[nodiscard]] bool is_coap(const Sample& s);
[[nodiscard]] bool is_mqtt(const Sample& s);
[[nodiscard]] bool is_bacnet(const Sample& s);
[[nodiscard]] bool is_modbus(const Sample& s);
[[nodiscard]] bool is_postgresql(const Sample& s);
[[nodiscard]] bool is_mssql(const Sample& s);
[[nodiscard]] bool is_mongodb(const Sample& s);

}  // namespace coturn_guard::protocols
