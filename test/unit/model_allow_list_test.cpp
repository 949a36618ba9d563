// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/allow_list.hpp"

#include <fmt/format.h>

#include <string>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

std::string name_of(std::string_view text) {
  const auto entry = parse_allow_entry(text);
  if (!entry || !std::holds_alternative<HostName>(*entry)) return "";
  return std::get<HostName>(*entry).text;
}

std::string mistake_in(std::string_view text) {
  const auto entry = parse_allow_entry(text);
  return entry ? "" : entry.error();
}

}  // namespace

TEST_CASE("networks and host names are told apart from slips of the pen", "[model][allow]") {
  CHECK(std::get<Prefix>(parse_allow_entry("192.0.2.7/24").value()) == *Prefix::parse("192.0.2.0/24"));
  CHECK(std::get<Prefix>(parse_allow_entry("2001:db8::1").value()) == *Prefix::parse("2001:db8::1/128"));
  CHECK(name_of("VPN.Example.ORG.") == "vpn.example.org");
  CHECK(name_of("_sip._udp.example.org") == "_sip._udp.example.org");
  CHECK(name_of("3.pool.example.org") == "3.pool.example.org");
  CHECK(name_of(std::string(63, 'a') + ".org") == std::string(63, 'a') + ".org");

  for (const char* wrong :
       {"192.0.2.300", "192.0.2.1/33", "192.0.2.0/2x", "1.2.3", "2001:db8::g", "-a.org", "a-.org", "a..org",
        ".org", ".", "", "a b.org", "münchen.example.org", "http://example.org/", "example.org:80"}) {
    INFO(wrong);
    CHECK(mistake_in(wrong).find("is no address, no network and no host name") != std::string::npos);
  }
  CHECK(mistake_in(std::string(64, 'a') + ".org") != "");
  std::string long_name;
  for (int i = 0; i < 64; ++i) long_name += "abc.";
  CHECK(mistake_in(long_name + "org") != "");
  CHECK(mistake_in("router").find("full name, as router.example.org") != std::string::npos);
  for (const char* everybody : {"0.0.0.0/0", "::/0", "192.0.2.1/0"})
    CHECK(mistake_in(everybody).find("everybody") != std::string::npos);
}

TEST_CASE("a list is read line by line, and a bad line costs itself only", "[model][allow]") {
  const auto list = parse_allow_list(
      "# the office\n"
      "192.0.2.0/24   # all of it\r\n"
      "\t vpn.example.org\n"
      "\n"
      "192.0.2.300\n"
      "  0.0.0.0/0\n"
      "10.0.0.1 10.0.0.2\n"
      "2001:db8::1",
      100);
  REQUIRE(list.networks.size() == 2);
  CHECK(list.networks[1] == *Prefix::parse("2001:db8::1"));
  REQUIRE(list.names.size() == 1);
  CHECK(list.names[0].text == "vpn.example.org");
  REQUIRE(list.mistakes.size() == 3);
  CHECK(list.mistakes[0].line == 5);
  CHECK(list.mistakes[0].column == 1);
  CHECK(list.mistakes[1].line == 6);
  CHECK(list.mistakes[1].column == 3);
  CHECK(list.mistakes[2].line == 7);
  CHECK(list.mistakes[2].column == 10);
}

TEST_CASE("a list has a bound of entries and of mistakes", "[model][allow]") {
  std::string text;
  for (int i = 0; i < 20; ++i) text += fmt::format("192.0.2.{}\n", i);
  CHECK(parse_allow_list(text, 20).mistakes.empty());
  const auto cut = parse_allow_list(text, 12);
  CHECK(cut.size() == 12);
  REQUIRE(cut.mistakes.size() == 1);
  CHECK(cut.mistakes[0].line == 13);
  std::string garbage;
  for (int i = 0; i < 1000; ++i) garbage += "?\n";
  const auto list = parse_allow_list(garbage, 10);
  CHECK(list.mistakes.size() == AllowList::kMostMistakes);
  CHECK(list.more_mistakes == 900);
  CHECK(parse_allow_list("", 10).size() == 0);
}

TEST_CASE("a byte order mark before the first entry is no part of it", "[model][allow_list]") {
  const AllowList list = parse_allow_list(
      "\xef\xbb\xbf"
      "192.0.2.7\r\n192.0.2.8\r\n",
      100);
  CHECK(list.networks.size() == 2);
  CHECK(list.mistakes.empty());
}

TEST_CASE("a list in UTF-16 is told as that", "[model][allow_list]") {
  const AllowList list = parse_allow_list(std::string_view("\xff\xfe"
                                                           "1\0.\0",
                                                           6),
                                          100);
  REQUIRE(list.mistakes.size() == 1);
  CHECK(list.mistakes.front().what == "the file is UTF-16: save it as UTF-8");
}
