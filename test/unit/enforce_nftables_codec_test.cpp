// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_codec.hpp"

#include "enforce/nft_message.hpp"
#include "enforce/nftables_elements.hpp"
#include "support/catch.hpp"
#include "support/recorded.hpp"

using namespace coturn_guard;
using namespace coturn_guard::nftables;

namespace {

std::vector<Element> listed(const char* name, Family family) {
  const Recorded answer(name);
  std::vector<Edge> edges;
  for (const auto& message : answer.messages) decode_edges(message, family, edges);
  std::vector<Element> all;
  for (const auto& interval : pair_up(edges, family))
    for (const auto& element : interval.elements()) all.push_back(element);
  return all;
}

// The error of every message that was answered; 0: it was done, if nothing else failed.
std::vector<int> answers(const char* name) {
  const Recorded answer(name);
  std::vector<int> all;
  for (const auto& message : answer.messages)
    if (const auto told = decode_acknowledgement(message)) all.push_back(told->error);
  return all;
}

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

Edge edge(const char* address, bool end) {
  return {.address = *Address::parse(address), .end = end};
}

std::vector<std::string> prefixes(const Interval& interval) {
  std::vector<std::string> all;
  for (const auto& element : interval.elements()) all.push_back(element.prefix.to_string());
  return all;
}

}  // namespace

TEST_CASE("the kernel lists elements as they were put there", "[enforce][nftables]") {
  CHECK(listed("nft-list-4", Family::v4) ==
        std::vector<Element>{{.prefix = prefix("192.0.2.1")},  // renewed, without an end
                             {.prefix = prefix("192.0.2.2"), .timeout_seconds = 700},
                             {.prefix = prefix("198.51.100.254/31")},
                             {.prefix = prefix("203.0.113.0/24"), .packets = 7, .bytes = 700},
                             {.prefix = prefix("255.255.255.0/24"), .timeout_seconds = 60}});
  CHECK(listed("nft-list-6", Family::v6) ==
        std::vector<Element>{{.prefix = prefix("2001:db8:1::/64"), .timeout_seconds = 9},
                             {.prefix = prefix("2001:db8:ffff:ffff::/64")},
                             {.prefix = prefix("ffff::/16")}});
}

TEST_CASE("what nf_tables answers to elements", "[enforce][nftables]") {
  CHECK(answers("nft-added") == std::vector<int>{0});
  CHECK(answers("nft-renewed") == std::vector<int>{0});
  CHECK(answers("nft-removed") == std::vector<int>{0});  // what was not there
  CHECK(answers("nft-overlap") == std::vector<int>{EEXIST});
  CHECK(answers("nft-there-already") == std::vector<int>{EEXIST});
  CHECK(answers("nft-table-missing") == std::vector<int>{ENOENT});
  CHECK(answers("nft-not-found") == std::vector<int>{ENOENT});
  CHECK(answers("nft-found") == std::vector<int>{0});
  CHECK(answers("nft-set-made") == std::vector<int>{0, 0, 0});  // table, set, canary
}

TEST_CASE("a set of ours is told from others", "[enforce][nftables]") {
  const auto four = decode_set(Recorded("nft-set-4").messages.at(0));
  const auto six = decode_set(Recorded("nft-set-6").messages.at(0));
  REQUIRE(four);
  REQUIRE(six);
  CHECK(fits(*four, Family::v4));
  CHECK(fits(*six, Family::v6));
  CHECK_FALSE(same_keys(*four, Family::v6));
  CHECK_FALSE(same_keys(*six, Family::v4));
  SetHeader other = *four;
  other.size = 1000;
  CHECK(same_kind(other, Family::v4));
  CHECK_FALSE(fits(other, Family::v4));
  other = *four;
  other.flags = NFT_SET_TIMEOUT;
  CHECK(same_keys(other, Family::v4));
  CHECK_FALSE(same_kind(other, Family::v4));
  other.flags = NFT_SET_TIMEOUT | NFT_SET_INTERVAL | NFT_SET_MAP;
  CHECK_FALSE(same_keys(other, Family::v4));
  CHECK_FALSE(decode_set(Recorded("nft-set-missing").messages.at(0)));
  CHECK_FALSE(decode_set(Recorded("nft-chain").messages.at(0)));
}

TEST_CASE("the kernel gives back the chain's rules as they were wished", "[enforce][nftables]") {
  const Recorded answer("nft-rules");
  std::vector<std::string> rules;
  for (const auto& message : answer.messages)
    if (auto rule = nft::describe(message, kTable, drop_chain(Family::v4))) rules.push_back(*rule);
  const std::vector<PortRange> ports{{3478, 3479}, {5349, 5349}};
  CHECK(rules == describe({Family::v4, ports}));
  CHECK(rules != describe({Family::v6, ports}));
  CHECK(rules != describe({Family::v4, {{3478, 3479}}}));
  CHECK(nft::is_drop_chain(Recorded("nft-chain").messages.at(0)));
}

TEST_CASE("a chain without ports drops all protocols", "[enforce][nftables]") {
  CHECK(describe({Family::v6, {}}) ==
        std::vector<std::string>{"meta 15 > 1; cmp 1 0 0a; payload 1 8 16 > 1; lookup 1 in banned6 flags 0; "
                                 "counter; immediate 0 0; "});
}

TEST_CASE("the generation is a number", "[enforce][nftables]") {
  CHECK(decode_generation(Recorded("nft-generation").messages.at(0)).has_value());
  CHECK_FALSE(decode_generation(Recorded("nft-chain").messages.at(0)));
}

TEST_CASE("neighbours are two intervals, and the last address ends without saying so",
          "[enforce][nftables]") {
  const auto intervals = pair_up({edge("10.0.0.2", false), edge("10.0.0.1", false), edge("10.0.0.3", true),
                                  edge("10.0.0.2", true), edge("255.255.255.255", false)},
                                 Family::v4);
  REQUIRE(intervals.size() == 3);
  CHECK(prefixes(intervals[0]) == std::vector<std::string>{"10.0.0.1/32"});
  CHECK(prefixes(intervals[1]) == std::vector<std::string>{"10.0.0.2/32"});
  CHECK(prefixes(intervals[2]) == std::vector<std::string>{"255.255.255.255/32"});
}

TEST_CASE("edges that do not belong together make no interval", "[enforce][nftables]") {
  CHECK(pair_up({edge("0.0.0.0", true)}, Family::v4).empty());
  const auto torn =
      pair_up({edge("10.0.0.1", false), edge("10.0.0.5", false), edge("10.0.0.6", true)}, Family::v4);
  REQUIRE(torn.size() == 1);
  CHECK(torn[0].first == *Address::parse("10.0.0.5"));
}

TEST_CASE("the elements of a set without intervals are single addresses", "[enforce][nftables]") {
  const auto found = singles({edge("10.0.0.9", false), edge("10.0.0.1", false)}, Family::v4);
  REQUIRE(found.size() == 2);
  CHECK(prefixes(found[0]) == std::vector<std::string>{"10.0.0.9/32"});
  CHECK(prefixes(found[1]) == std::vector<std::string>{"10.0.0.1/32"});
}

TEST_CASE("IPv4-mapped addresses among those of IPv6 never become bans of IPv4", "[enforce][nftables]") {
  CHECK(pair_up({edge("::ffff:0.0.0.0", false), edge("::1:0:0:0", true)}, Family::v6).empty());
  CHECK(pair_up({edge("::ffff:192.0.2.1", false), edge("::ffff:192.0.2.2", true)}, Family::v6).empty());
  CHECK(singles({edge("::ffff:192.0.2.1", false)}, Family::v6).empty());
  const auto behind = pair_up({edge("::ffff:255.255.255.255", false), edge("::1:0:0:2", true)}, Family::v6);
  REQUIRE(behind.size() == 1);
  CHECK(prefixes(behind[0]) == std::vector<std::string>{"::1:0:0:0/127"});
  const auto around = pair_up({edge("::fffe:ffff:ffff", false), edge("::1:0:0:1", true)}, Family::v6);
  REQUIRE(around.size() == 1);
  CHECK(prefixes(around[0]) == std::vector<std::string>{"::fffe:ffff:ffff/128", "::1:0:0:0/128"});
}

TEST_CASE("a range is parted into prefixes", "[enforce][nftables]") {
  const auto range = [](const char* first, const char* last) {
    return prefixes(Interval(*Address::parse(first), *Address::parse(last), {}));
  };
  CHECK(range("10.0.0.0", "10.0.0.255") == std::vector<std::string>{"10.0.0.0/24"});
  CHECK(range("10.0.0.60", "10.0.0.70") ==
        std::vector<std::string>{"10.0.0.60/30", "10.0.0.64/30", "10.0.0.68/31", "10.0.0.70/32"});
  CHECK(range("0.0.0.0", "255.255.255.255") == std::vector<std::string>{"0.0.0.0/0"});
  CHECK(range("255.255.255.254", "255.255.255.255") == std::vector<std::string>{"255.255.255.254/31"});
  CHECK(range("2001:db8::", "2001:db8::1:ffff") == std::vector<std::string>{"2001:db8::/111"});
  CHECK(range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == std::vector<std::string>{"::/0"});
}
