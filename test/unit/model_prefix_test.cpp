// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/prefix.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

TEST_CASE("host bits are cut", "[model][prefix]") {
  CHECK(Prefix::parse("192.0.2.77/24")->to_string() == "192.0.2.0/24");
  CHECK(Prefix(*Address::parse("2001:db8:1:2:3::4"), 64).to_string() == "2001:db8:1:2::/64");
  CHECK(Prefix::parse("192.0.2.77")->to_string() == "192.0.2.77/32");
  CHECK(Prefix::parse("0.0.0.0/0")->to_string() == "0.0.0.0/0");
}

TEST_CASE("a prefix contains its own family only", "[model][prefix]") {
  CHECK(Prefix::parse("192.0.2.0/24")->contains(*Address::parse("192.0.2.255")));
  CHECK_FALSE(Prefix::parse("192.0.2.0/24")->contains(*Address::parse("192.0.3.0")));
  CHECK_FALSE(Prefix::parse("::/0")->contains(*Address::parse("192.0.2.1")));
  CHECK_FALSE(Prefix::parse("0.0.0.0/0")->contains(*Address::parse("2001:db8::1")));
}

TEST_CASE("two prefixes overlap when one contains the other", "[model][prefix]") {
  CHECK(Prefix::parse("10.0.0.0/8")->overlaps(*Prefix::parse("10.1.0.0/16")));
  CHECK(Prefix::parse("10.1.0.0/16")->overlaps(*Prefix::parse("10.0.0.0/8")));
  CHECK_FALSE(Prefix::parse("10.1.0.0/16")->overlaps(*Prefix::parse("10.2.0.0/16")));
}

TEST_CASE("what is not exactly a prefix is refused", "[model][prefix]") {
  for (const auto* text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8x", "::/129", "10.0.0.0/-1", "ten/8"}) {
    INFO(text);
    CHECK_FALSE(Prefix::parse(text));
  }
}
