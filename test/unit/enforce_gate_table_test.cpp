// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel makes of it, test/system/gate_test.py shows.
#include "enforce/gate_table.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

const gate_table::Wish kWish{.ports = {{3478, 3479}, {5349, 5349}}, .queue = 3478};

std::size_t rules_with(const std::vector<std::string>& rules, const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      rules.begin(), rules.end(), [&](const std::string& rule) { return rule.find(text) != rule.npos; }));
}
std::size_t messages_in(const Bytes& bytes) {
  ByteView rest = bytes;
  std::size_t count = 0;
  while (next_message(rest)) ++count;
  CHECK(rest.empty());
  return count;
}

}  // namespace

TEST_CASE("ChannelData passes by the first rule that a packet meets", "[enforce][gate]") {
  const auto rules = gate_table::describe(kWish);
  const auto first = std::find_if(rules.begin(), rules.end(), [](const std::string& rule) {
    return rule.find("udp-entrance: ") != std::string::npos;
  });
  REQUIRE(first != rules.end());
  CHECK(*first ==
        "udp-entrance: payload 2 8 4 > 1; bitwise 1 & c000e000 ^ 00000000 > 1; cmp 1 0 40000000; immediate 0 "
        "1; ");
}

TEST_CASE("what else flows through a relay passes before quench and queue", "[enforce][gate]") {
  const auto rules = gate_table::describe(kWish);
  REQUIRE(rules.size() > 5);
  for (std::size_t i = 0; i < 2; ++i) CHECK(rules[i].find("immediate 0 1; ") != std::string::npos);
  CHECK(rules[2].find("coturn-guard-quench-4") != std::string::npos);
  CHECK(rules[3].find("coturn-guard-quench-6") != std::string::npos);
  CHECK(rules[4].find("lookup 1 in alive") != std::string::npos);
  CHECK(rules[4].find("queue 3478 1 1") != std::string::npos);  // with bypass
}

TEST_CASE("UDP alone needs no connection tracking", "[enforce][gate]") {
  auto wish = kWish;
  CHECK(rules_with(gate_table::describe(wish), "ct ") == 1);
  wish.tcp = false;
  CHECK(rules_with(gate_table::describe(wish), "ct ") == 0);
  CHECK(rules_with(gate_table::describe(wish), "tcp") == 0);
}

TEST_CASE("a few ports are compared one by one, many as a range, and then the protocol", "[enforce][gate]") {
  CHECK(rules_with(gate_table::describe(kWish),
                   "udp-entrance: payload 2 2 2 > 1; cmp 1 0 0d96; meta 16 > 1; ") == 1);
  CHECK(rules_with(gate_table::describe(kWish), "udp-entrance: ") == 1 + 3);
  CHECK(rules_with(gate_table::describe(kWish), "tcp-ports: ") == 2);
  CHECK(rules_with(gate_table::describe(kWish), "tcp-entrance: meta 16 > 1; cmp 1 0 06; ") == 1);
  auto wish = kWish;
  wish.ports = {{0, 65535}};
  CHECK(rules_with(gate_table::describe(wish), "udp-entrance: payload 2 2 2 > 1; range 1 0 0000-ffff; ") ==
        1);
  CHECK(rules_with(gate_table::describe(wish), "udp-entrance: ") == 1 + 1);
}

TEST_CASE("a rule says where it leads", "[enforce][gate]") {
  CHECK(rules_with(gate_table::describe(kWish), "> inspect-udp; ") == 3);  // a port, a rule
  CHECK(rules_with(gate_table::describe(kWish), "> inspect-tcp; ") == 2);
}

TEST_CASE("another queue is another rule, and so is another way to queue", "[enforce][gate]") {
  auto other = kWish;
  other.queue = 3479;
  CHECK(gate_table::describe(other) != gate_table::describe(kWish));
  other = kWish;
  other.by_target = true;
  CHECK(gate_table::describe(other) != gate_table::describe(kWish));
  CHECK(rules_with(gate_table::describe(other), "target NFQUEUE 3 960d010001000000") == 2);
}

TEST_CASE("transactions are whole messages and end with the number that is answered", "[enforce][gate]") {
  Bytes out;
  // table three times, three sets, three chains, two base chains, and the rules, between beginning and end
  const auto rules = gate_table::describe(kWish).size();
  CHECK(gate_table::put_install(out, 10, kWish) == 10 + 11 + rules);
  CHECK(messages_in(out) == 2 + 11 + rules);
  out.clear();
  CHECK(gate_table::put_alive(out, 1, std::chrono::seconds(3)) == 4);
  CHECK(messages_in(out) == 5);
  out.clear();
  const std::vector<Prefix> all(gate_table::kQuenchesPerMessage, *Prefix::parse("2001:db8::/64"));
  CHECK(gate_table::put_quench(out, 1, Family::v6, all, std::chrono::seconds(60)) == 2);
  CHECK(messages_in(out) == 3);
}
