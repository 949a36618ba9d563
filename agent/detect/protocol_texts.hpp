// SPDX-License-Identifier: GPL-3.0-or-later
// Protocols that are known by words at their beginning: what people and scanners write to services that speak
// text, and binary ones whose magic number is a text.
#pragma once

#include "detect/protocol_sample.hpp"

namespace coturn_guard::protocols {

[[nodiscard]] bool is_http(const Sample& s);
[[nodiscard]] bool is_sip(const Sample& s);
[[nodiscard]] bool is_rtsp(const Sample& s);
[[nodiscard]] bool is_ssdp(const Sample& s);
[[nodiscard]] bool is_ssh(const Sample& s);
[[nodiscard]] bool is_smtp(const Sample& s);
[[nodiscard]] bool is_ftp(const Sample& s);
[[nodiscard]] bool is_imap(const Sample& s);
[[nodiscard]] bool is_redis(const Sample& s);
[[nodiscard]] bool is_memcached(const Sample& s);
[[nodiscard]] bool is_vnc(const Sample& s);
[[nodiscard]] bool is_telnet(const Sample& s);
[[nodiscard]] bool is_bittorrent(const Sample& s);
[[nodiscard]] bool is_irc(const Sample& s);
[[nodiscard]] bool is_adb(const Sample& s);
[[nodiscard]] bool is_amqp(const Sample& s);
[[nodiscard]] bool is_printer(const Sample& s);
[[nodiscard]] bool is_game_query(const Sample& s);
[[nodiscard]] bool is_tftp(const Sample& s);

}  // namespace coturn_guard::protocols
