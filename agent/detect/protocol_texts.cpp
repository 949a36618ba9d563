// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/protocol_texts.hpp"

namespace coturn_guard::protocols {

using namespace std::string_view_literals;

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

}  // namespace coturn_guard::protocols
