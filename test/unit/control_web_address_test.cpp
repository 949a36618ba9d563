// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/web_address.hpp"

#include <string>

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("the address of a web hook is read in its parts", "[control][hooks]") {
  const auto parse = [](std::string_view text) {
    const auto address = parse_web_address(text);
    REQUIRE(address);
    CHECK(address->text == text);
    return address->host + "|" + std::to_string(address->port) + "|" + address->target;
  };
  CHECK(parse("http://127.0.0.1") == "127.0.0.1|80|/");
  CHECK(parse("http://127.0.0.1:8080/a/b?c=d") == "127.0.0.1|8080|/a/b?c=d");
  CHECK(parse("http://[2001:db8::1]:81/x") == "2001:db8::1|81|/x");
  CHECK(parse("http://[2001:db8::1]") == "2001:db8::1|80|/");
  CHECK(parse("http://hooks.example.org?token=1") == "hooks.example.org|80|/?token=1");
  CHECK(parse("http://localhost:9") == "localhost|9|/");
}

TEST_CASE("an address that cannot be posted to is told why", "[control][hooks]") {
  const auto mistake = [](std::string_view text) {
    const auto address = parse_web_address(text);
    return address ? std::string() : address.error();
  };
  CHECK(mistake("https://hooks.example.org/x").find("run: [/usr/bin/curl") != std::string::npos);
  CHECK(mistake("ftp://a.example.org").find("no address of a web server") != std::string::npos);
  CHECK(mistake("http://user:secret@a.example.org/").find("password") != std::string::npos);
  for (const char* wrong :
       {"", "http://", "http:///x", "http://a.example.org:", "http://a.example.org:0",
        "http://a.example.org:65536", "http://a.example.org:8x", "http://[::1", "http://[::g]/",
        "http://[::1]80", "http://a.example.org/\r\nHost: b", "http://a.example.org/#x", "http://a b/",
        "http://single/", "http://192.0.2.300/"}) {
    INFO(wrong);
    CHECK(!mistake(wrong).empty());
  }
  CHECK(!mistake("http://a.example.org/" + std::string(3000, 'x')).empty());
}
