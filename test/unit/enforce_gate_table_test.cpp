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
std::vector<std::string> rules_of(const std::vector<std::string>& rules, const std::string& chain) {
  std::vector<std::string> found;
  for (const auto& rule : rules)
    if (rule.starts_with(chain + ": ")) found.push_back(rule);
  return found;
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

TEST_CASE("what else flows through a relay passes before any request is looked at", "[enforce][gate]") {
  const auto rules = rules_of(gate_table::describe(kWish), "inspect-udp");
  REQUIRE(rules.size() == 5);
  for (std::size_t i = 0; i < 2; ++i) CHECK(rules[i].find("immediate 0 1; ") != std::string::npos);
  CHECK(rules[4].find("lookup 1 in alive") != std::string::npos);
  CHECK(rules[4].find("queue 3478 1 1") != std::string::npos);  // with bypass
}

TEST_CASE("of who is quenched the kernel drops Binding and unsigned Allocate requests and nothing else",
          "[enforce][gate]") {
  const auto all = gate_table::describe(kWish);
  const auto rules = rules_of(all, "inspect-udp");
  REQUIRE(rules.size() == 5);
  // A jump comes back: who is not quenched is queued like all else.
  CHECK(rules[2] ==
        "inspect-udp: payload 2 8 4 > 1; bitwise 1 & ffff0000 ^ 00000000 > 1; cmp 1 0 00010000; immediate 0 "
        "4294967293 > udp-requests; ");
  CHECK(rules[3] ==
        "inspect-udp: payload 2 8 4 > 1; cmp 1 5 00030000; cmp 1 2 00030030; immediate 0 4294967293 > "
        "udp-requests; ");
  CHECK(rules_with(all, "coturn-guard-quench-") == 2);
  CHECK(rules_of(all, "udp-requests").size() == 2);
}

TEST_CASE("no rule asks for the opinion of connection tracking", "[enforce][gate]") {
  auto wish = kWish;
  for (const bool tcp : {true, false}) {
    wish.tcp = tcp;
    CHECK(rules_with(gate_table::describe(wish), "ct ") == 0);
    CHECK(rules_with(gate_table::describe(wish), "other ") == 0);
  }
  CHECK(rules_with(gate_table::describe(wish), "tcp") == 0);
}

TEST_CASE("a packet that opens or ends a connection takes it out of the heard ones", "[enforce][gate]") {
  const auto all = gate_table::describe(kWish);
  const auto rules = rules_of(all, "inspect-tcp");
  REQUIRE(rules.size() == 4);
  CHECK(rules[0] ==
        "inspect-tcp: payload 2 13 1 > 1; bitwise 1 & 07 ^ 00 > 1; cmp 1 1 00; immediate 0 4294967293 > "
        "tcp-begins-or-ends; ");
  const auto out = rules_of(all, "tcp-begins-or-ends");
  REQUIRE(out.size() == 2);
  CHECK(out[0] ==
        "tcp-begins-or-ends: meta 15 > 1; cmp 1 0 02; payload 1 12 4 > 1; payload 1 16 4 > 9; payload 2 0 2 "
        "> 10; payload 2 2 2 > 11; dynset 2 coturn-guard-heard-4 by 1; ");
  CHECK(out[1] ==
        "tcp-begins-or-ends: meta 15 > 1; cmp 1 0 0a; payload 1 8 16 > 1; payload 1 24 16 > 2; payload 2 0 2 "
        "> 3; payload 2 2 2 > 17; dynset 2 coturn-guard-heard-6 by 1; ");
}

TEST_CASE("of a heard connection only what begins like STUN is queued, of another every payload",
          "[enforce][gate]") {
  const auto all = gate_table::describe(kWish);
  const auto heard = rules_of(all, "tcp-heard");
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].find("cmp 1 0 2112a442") != std::string::npos);
  CHECK(heard[0].find("cmp 1 1 00160000") != std::string::npos);
  CHECK(heard[0].find("lookup 1 in alive") != std::string::npos);
  const auto rules = rules_of(all, "inspect-tcp");
  REQUIRE(rules.size() == 4);
  for (std::size_t i = 1; i < 3; ++i) CHECK(rules[i].find("> tcp-heard; ") != std::string::npos);
  CHECK(rules[3].find("lookup 1 in alive") != std::string::npos);
  CHECK(rules[3].find("queue 3478 1 1") != std::string::npos);
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
  CHECK(rules_with(gate_table::describe(other), "target NFQUEUE 3 960d010001000000") == 3);
}

TEST_CASE("transactions are whole messages and end with the number that is answered", "[enforce][gate]") {
  Bytes out;
  // table three times, five sets, six chains, two base chains, and the rules, between beginning and end
  const auto rules = gate_table::describe(kWish).size();
  CHECK(gate_table::put_install(out, 10, kWish) == 10 + 16 + rules);
  CHECK(messages_in(out) == 2 + 16 + rules);
  out.clear();
  CHECK(gate_table::put_alive(out, 1, std::chrono::seconds(3)) == 4);
  CHECK(messages_in(out) == 5);
  out.clear();
  const std::vector<Prefix> all(gate_table::kQuenchesPerMessage, *Prefix::parse("2001:db8::/64"));
  CHECK(gate_table::put_quench(out, 1, Family::v6, all, std::chrono::seconds(60)) == 2);
  CHECK(messages_in(out) == 3);
  for (const auto family : kFamilies) {
    const std::string address = family == Family::v4 ? "203.0.113.66" : "2001:db8::66";
    const std::vector<TcpFlow> flows(
        gate_table::kFlowsPerMessage,
        TcpFlow{.local = {*Address::parse(address), 3478}, .remote = {*Address::parse(address), 0x1234}});
    out.clear();
    CHECK(gate_table::put_heard(out, 1, family, flows, std::chrono::seconds(60)) == 2);
    CHECK(messages_in(out) == 3);
    // The client first; ports are padded behind.
    const std::vector<std::uint8_t> ports{0x12, 0x34, 0, 0, 0x0d, 0x96, 0, 0};
    CHECK(std::search(out.begin(), out.end(), ports.begin(), ports.end()) != out.end());
  }
}
