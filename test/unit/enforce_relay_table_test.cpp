// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel makes of it, test/adversary_cases/relays.py shows.
#include "enforce/relay_table.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

const relay_table::Wish kWish{
    .users = {110}, .relay = {{49'152, 65'535}}, .coturns = {{3478, 3479}, {5349, 5349}}};

std::size_t rules_with(const std::vector<std::string>& rules, const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      rules.begin(), rules.end(), [&](const std::string& rule) { return rule.find(text) != rule.npos; }));
}

}  // namespace

TEST_CASE("what leaves the host passes by the first rule of the relays' table", "[enforce][relay]") {
  const auto rules = relay_table::describe(kWish);
  REQUIRE(!rules.empty());
  // oiftype is not that of loopback (772, in the machine's order): accept.
  CHECK(rules[0].find("meta 9 > ") != std::string::npos);
  CHECK(rules[0].find("cmp 1 1 0403; ") != std::string::npos);
  CHECK(rules_with(rules, "meta 9 > ") == 1);
}

TEST_CASE("each of coturn's users, and no other, is kept from each of coturn's ports over UDP and TCP",
          "[enforce][relay]") {
  auto wish = kWish;
  CHECK(relay_table::describe(wish).size() == 1 + 4 + 1);
  wish.users = {110, 1000};
  const auto rules = relay_table::describe(wish);
  CHECK(rules.size() == 1 + 8 + 1);
  CHECK(rules_with(rules, "meta 10 > ") == 8);  // the user of the socket
  CHECK(rules_with(rules, "cmp 1 0 6e000000; ") == 4);
  CHECK(rules_with(rules, "cmp 1 0 e8030000; ") == 4);
  CHECK(rules_with(rules, "payload 2 0 2 > 1; range 1 0 c000-ffff; ") == 8);  // from a relay port
  CHECK(rules_with(rules, "payload 2 2 2 > 1; range 1 0 0d96-0d97; ") == 4);
  CHECK(rules_with(rules, "payload 2 2 2 > 1; cmp 1 0 14e5; ") == 4);
  CHECK(rules_with(rules, "cmp 1 0 11; ") == 4);
  CHECK(rules_with(rules, "cmp 1 0 06; ") == 4);
  // Coturn must not have an error of it: marked, and dropped on arrival.
  CHECK(rules_with(rules, "immediate 1 is 519e3c7a; ") == 8);
  CHECK(rules.back().starts_with(
      "prerouting: meta 8 > 1; cmp 1 0 0403; meta 3 > 1; cmp 1 0 519e3c7a; counter; "));
}

TEST_CASE("without users or ports there is nothing to keep from coturn", "[enforce][relay]") {
  CHECK(!kWish.empty());
  for (const auto& lack :
       {relay_table::Wish{{}, kWish.relay, kWish.coturns}, relay_table::Wish{kWish.users, {}, kWish.coturns},
        relay_table::Wish{kWish.users, kWish.relay, {}}})
    CHECK(lack.empty());
}
