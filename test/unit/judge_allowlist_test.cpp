// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/allowlist.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

}  // namespace

TEST_CASE("loopback is spared before anybody said anything", "[judge][allowlist]") {
  const Allowlist list;
  CHECK(list.spares(prefix("127.0.0.1")) == "loopback");
  CHECK(list.spares(prefix("127.255.255.255")) == "loopback");
  CHECK(list.spares(prefix("::ffff:127.1.2.3")) == "loopback");
  CHECK(list.spares(prefix("::1")) == "loopback");
  CHECK(list.spares(prefix("::/64")) == "loopback");
  CHECK(list.spares(prefix("0.0.0.0/0")) == "loopback");
  CHECK_FALSE(list.spares(prefix("126.255.255.255")));
  CHECK_FALSE(list.spares(prefix("128.0.0.0")));
  CHECK_FALSE(list.spares(prefix("::2")));
}

TEST_CASE("a network that contains an address of ours is spared as well", "[judge][allowlist]") {
  Allowlist list;
  list.set_own({{prefix("2001:db8:1:2::7"), "own address"}, {prefix("192.0.2.9"), "default gateway"}});
  CHECK(list.spares(prefix("2001:db8:1:2::/64")) == "own address");
  CHECK(list.spares(prefix("2001:db8:1:2::7")) == "own address");
  CHECK(list.spares(prefix("192.0.2.0/24")) == "default gateway");
  CHECK_FALSE(list.spares(prefix("2001:db8:1:2::8")));
  CHECK_FALSE(list.spares(prefix("2001:db8:1:3::/64")));
  CHECK_FALSE(list.spares(prefix("192.0.2.8")));
}

TEST_CASE("ignored networks may nest, touch and repeat", "[judge][allowlist]") {
  Allowlist list;
  list.set_ignored({prefix("10.1.0.0/16"), prefix("10.0.0.0/8"), prefix("10.1.2.3"), prefix("11.0.0.0/9"),
                    prefix("10.0.0.0/8"), prefix("2001:db8::/32")});
  for (const auto* text : {"10.0.0.0", "10.1.2.3", "10.1.2.4", "10.255.255.255", "11.127.0.1", "8.0.0.0/5",
                           "2001:db8:ffff::1"}) {
    INFO(text);
    CHECK(list.spares(prefix(text)) == "ignoreip");
  }
  for (const auto* text : {"9.255.255.255", "11.128.0.0", "2001:db9::1"}) {
    INFO(text);
    CHECK_FALSE(list.spares(prefix(text)));
  }
}

TEST_CASE("an IPv6 network from :: on says nothing of IPv4 and hides nothing behind it",
          "[judge][allowlist]") {
  Allowlist list;
  list.set_ignored({prefix("::/2"), prefix("192.0.2.0/24")});
  CHECK(list.spares(prefix("2001:db8::1")) == "ignoreip");
  CHECK(list.spares(prefix("192.0.2.1")) == "ignoreip");
  CHECK_FALSE(list.spares(prefix("198.51.100.1")));
  CHECK_FALSE(list.spares(prefix("4000::1")));
}

TEST_CASE("who sends to an address of this host's reaches it, who sends to its gateway does not",
          "[judge][allowlist]") {
  Allowlist list;
  list.set_ignored({prefix("192.0.2.7")});
  list.set_own({{prefix("198.51.100.10"), "coturn's external-ip", true},
                {prefix("2001:db8::10"), "own address", true},
                {prefix("198.51.100.1"), "default gateway"}});
  const auto is_here = [&](const char* text) { return list.is_here(*Address::parse(text)); };
  CHECK((is_here("198.51.100.10") && is_here("::ffff:198.51.100.10") && is_here("2001:db8::10")));
  CHECK_FALSE(
      (is_here("198.51.100.1") || is_here("198.51.100.11") || is_here("192.0.2.7") || is_here("127.0.0.1")));
  list.set_own({});
  CHECK_FALSE(is_here("198.51.100.10"));
}

TEST_CASE("a new list replaces the old one of its kind only", "[judge][allowlist]") {
  Allowlist list;
  list.set_own({{prefix("192.0.2.1"), "own address"}});
  list.set_ignored({prefix("198.51.100.0/24")});
  list.set_own({{prefix("192.0.2.2"), "own address"}});
  CHECK_FALSE(list.spares(prefix("192.0.2.1")));
  CHECK(list.spares(prefix("192.0.2.2")) == "own address");
  CHECK(list.spares(prefix("198.51.100.7")) == "ignoreip");
  list.set_ignored({});
  CHECK_FALSE(list.spares(prefix("198.51.100.7")));
  CHECK(list.spares(prefix("127.0.0.1")) == "loopback");
}
