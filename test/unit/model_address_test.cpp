// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/address.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("an IPv4 address and its mapped spelling are one value", "[model][address]") {
  CHECK(Address::parse("192.0.2.1") == Address::parse("::ffff:192.0.2.1"));
  CHECK(Address::parse("::ffff:192.0.2.1")->to_string() == "192.0.2.1");
  CHECK(Address::parse("192.0.2.1")->is_v4());
}

TEST_CASE("what is not exactly an address is refused", "[model][address]") {
  for (const auto* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1..2.3", "1.2.3.",
        "::1%lo", "[::1]", "1.2.3.4:5", "fe80::1::2", "1.2.3.4/8", "::ffff:1.2.3.256"}) {
    INFO(text);
    CHECK_FALSE(Address::parse(text));
  }
  CHECK_FALSE(Address::parse(std::string_view("::1\0::2", 7)));
}

TEST_CASE("loopback is known in both families", "[model][address]") {
  CHECK(Address::parse("127.8.9.1")->is_loopback());
  CHECK(Address::parse("::1")->is_loopback());
  CHECK(Address::parse("::ffff:127.0.0.1")->is_loopback());
  CHECK_FALSE(Address::parse("::2")->is_loopback());
  CHECK_FALSE(Address::parse("128.0.0.1")->is_loopback());
}

TEST_CASE("endpoints are read as coturn prints them", "[model][address]") {
  CHECK(Endpoint::parse("192.0.2.1:55") == Endpoint{Address::v4(0xc0000201), 55});
  CHECK(Endpoint::parse("[2001:db8::1]:55") == Endpoint{*Address::parse("2001:db8::1"), 55});
  CHECK(Endpoint::parse("2001:db8::1") == Endpoint{*Address::parse("2001:db8::1"), 0});
  CHECK(Endpoint::parse("192.0.2.1") == Endpoint{Address::v4(0xc0000201), 0});
  CHECK(Endpoint::parse_unbracketed("2001:db8:bad::32:45881") ==
        Endpoint{*Address::parse("2001:db8:bad::32"), 45881});
  for (const auto* text :
       {"192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "[2001:db8::1]", "[2001:db8::1]55", "[::1:5"}) {
    INFO(text);
    CHECK_FALSE(Endpoint::parse(text));
  }
}
