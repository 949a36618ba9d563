// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/drop_rule.hpp"

#include "enforce/nft_message.hpp"

#include <algorithm>

#include "support/catch.hpp"
#include "support/recorded.hpp"

using namespace coturn_guard;
using drop_rule::Wish;
using ipset::Family;

namespace {

// What netlink_recorder installed before it asked the kernel.
const Wish kRecorded{Family::v4, 0, {{3478, 3479}, {5349, 5349}}};

std::vector<std::string> rules_of(const Recorded& answer) {
  std::vector<std::string> rules;
  for (const auto& message : answer.messages)
    if (auto rule = drop_rule::describe(message)) rules.push_back(*rule);
  return rules;
}

}  // namespace

TEST_CASE("the kernel gives back the rules as they were wished", "[enforce][drop_rule]") {
  CHECK(rules_of(Recorded("rules")) == drop_rule::describe(kRecorded));
}

TEST_CASE("every difference to the wish is seen", "[enforce][drop_rule]") {
  const auto recorded = rules_of(Recorded("rules"));
  CHECK(recorded != drop_rule::describe({Family::v4, 1, kRecorded.ports}));
  CHECK(recorded != drop_rule::describe({Family::v4, 0, {{3478, 3480}, {5349, 5349}}}));
  CHECK(recorded != drop_rule::describe({Family::v4, 0, {{3478, 3479}}}));
  CHECK(recorded != drop_rule::describe({Family::v4, 0, {}}));
}

TEST_CASE("a wish is said in full", "[enforce][drop_rule]") {
  CHECK(drop_rule::describe({Family::v6, 3, {}}) ==
        std::vector<std::string>{"match set 4 set 3 dim 1 flags 2 0 0 0; counter; immediate 0 0; "});
  const auto one = drop_rule::describe({Family::v6, 3, {{3478, 3478}}});
  CHECK(
      one ==
      std::vector<std::string>{
          "meta 16 > 1; cmp 1 0 11; payload 2 2 2 > 1; cmp 1 0 0d96; match set 4 set 3 dim 1 flags 2 0 0 0; "
          "counter; immediate 0 0; ",
          "meta 16 > 1; cmp 1 0 06; payload 2 2 2 > 1; cmp 1 0 0d96; match set 4 set 3 dim 1 flags 2 0 0 0; "
          "counter; immediate 0 0; "});
}

TEST_CASE("neighbouring and overlapping ports become one range", "[enforce][drop_rule]") {
  CHECK(nft::merged({{5349, 5350}, {3478, 3478}, {3479, 3479}}) ==
        std::vector<PortRange>{{3478, 3479}, {5349, 5350}});
  CHECK(nft::merged({{1, 65535}, {3478, 3478}}) == std::vector<PortRange>{{1, 65535}});
  CHECK(nft::merged({{65535, 65535}, {65534, 65534}}) == std::vector<PortRange>{{65534, 65535}});
  CHECK(nft::merged({}).empty());
}

TEST_CASE("table and chain are recognised", "[enforce][drop_rule]") {
  CHECK(drop_rule::is_active_table(Recorded("table").messages.at(0)));
  CHECK(drop_rule::is_our_chain(Recorded("chain").messages.at(0)));
  CHECK_FALSE(drop_rule::is_active_table(Recorded("chain").messages.at(0)));
  CHECK_FALSE(drop_rule::is_our_chain(Recorded("table").messages.at(0)));
  CHECK(Recorded("table-missing").acknowledgement().error == ENOENT);
}

TEST_CASE("a dormant table and a chain at another priority are not ours", "[enforce][drop_rule]") {
  const auto changed = [](const char* name, std::uint16_t attribute, std::uint8_t last_byte) {
    const Recorded answer(name);
    Bytes copy = answer.bytes();
    const ByteView value = find_attribute(answer.messages.at(0).attributes(), attribute)->value;
    copy[static_cast<std::size_t>(value.data() - answer.bytes().data()) + value.size() - 1] = last_byte;
    return copy;
  };
  const Bytes dormant = changed("table", 2, 1);  // NFTA_TABLE_FLAGS: NFT_TABLE_F_DORMANT
  ByteView rest = dormant;
  CHECK_FALSE(drop_rule::is_active_table(*next_message(rest)));
  const Bytes dropping = changed("chain", 5, 0);  // NFTA_CHAIN_POLICY: NF_DROP
  rest = dropping;
  CHECK_FALSE(drop_rule::is_our_chain(*next_message(rest)));
}

TEST_CASE("each part of an installation is acknowledged", "[enforce][drop_rule]") {
  const Recorded answer("rule-installed");
  CHECK(answer.messages.size() == 8);  // table, no table, table, chain, two ranges of two protocols
  for (const auto& message : answer.messages) CHECK(decode_acknowledgement(message)->error == 0);
  Bytes request;
  CHECK(drop_rule::put_install(request, 1, kRecorded) == answer.messages.back().sequence);
}

TEST_CASE("a rule about a set that is not there is refused", "[enforce][drop_rule]") {
  const Recorded answer("rule-of-no-set");
  bool refused = false;
  for (const auto& message : answer.messages)
    refused = refused || decode_acknowledgement(message)->error == ENOENT;
  CHECK(refused);
}

TEST_CASE("a notification concerns us when it names our table", "[enforce][drop_rule]") {
  const Recorded heard("table-deleted");
  REQUIRE_FALSE(heard.messages.empty());
  CHECK(std::any_of(heard.messages.begin(), heard.messages.end(), drop_rule::concerns_us));
  CHECK_FALSE(drop_rule::concerns_us(Recorded("list-4").messages.at(0)));
  // The same about a table of another name.
  Bytes other = heard.bytes();
  const std::string_view name = "coturn-guard";
  for (auto at = std::search(other.begin(), other.end(), name.begin(), name.end()); at != other.end();
       at = std::search(other.begin(), other.end(), name.begin(), name.end()))
    *at = 'x';
  ByteView rest = other;
  while (const auto message = next_message(rest)) CHECK_FALSE(drop_rule::concerns_us(*message));
}

TEST_CASE("the rules cut at any byte are never taken for the wish", "[enforce][drop_rule]") {
  const Recorded whole("rules");
  const auto wish = drop_rule::describe(kRecorded);
  const std::size_t rules_bytes = whole.bytes().size() - whole.messages.back().whole.size();
  for (std::size_t length = 0; length < rules_bytes; ++length) {
    ByteView rest = ByteView(whole.bytes()).first(length);
    std::vector<std::string> rules;
    while (const auto message = next_message(rest))
      if (auto rule = drop_rule::describe(*message)) rules.push_back(*rule);
    CHECK(rules != wish);
  }
}
