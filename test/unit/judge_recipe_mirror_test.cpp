// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/recipe_mirror.hpp"

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

std::string reset(std::string_view client) {
  return fmt::format(
      "590556: : ERROR: session 001000000000000026: TLS/TCP socket error: Connection reset by peer {}",
      client);
}

std::optional<RecipeBan> resets(RecipeMirror& mirror, std::chrono::milliseconds when,
                                std::string_view client = "203.0.113.5:39497") {
  return mirror.take(reset(client), at(when));
}

}  // namespace

TEST_CASE("the recipe's expression matches what it matches, and nothing else", "[judge][recipe]") {
  CHECK(matched_by_recipe(reset("87.236.176.180:39497"))->to_string() == "87.236.176.180");
  CHECK(matched_by_recipe(
      "  1: : ERROR: session abc_1: TCP socket error: Connection reset by peer [2001:db8::1]:5"));
  // It is not anchored at the end: what follows does not matter.
  CHECK(matched_by_recipe(reset("203.0.113.5:3 and more")));
  for (const char* line :
       {"", "590556", "590556: : ERROR: session ",
        "x590556: : ERROR: session 1: TCP socket error: Connection reset by peer 203.0.113.5:1",
        "22: ERROR: session 1: TCP socket error: Connection reset by peer 203.0.113.5:1",
        "22: (77): ERROR: session 1: TCP socket error: Connection reset by peer 203.0.113.5:1",
        "22: : ERROR: session 1: TCP socket error: Connection reset by peer 203.0.113.5",
        "22: : ERROR: session 1: TCP socket error: Broken pipe 203.0.113.5:1",
        "22: : ERROR: session 1: tcp socket error: Connection reset by peer 203.0.113.5:1",
        "22: : ERROR: session 1: TCP socket error: Connection reset by peer 203.0.113.256:1",
        "2026-11-22T12:13:25+0000: ERROR: session 1: TCP socket error: Connection reset by peer "
        "203.0.113.5:1"}) {
    INFO(line);
    CHECK_FALSE(matched_by_recipe(line));
  }
}

TEST_CASE("the recipe's third reset is a minute, and each ban after it is twice as long", "[judge][recipe]") {
  RecipeMirror mirror(kSeed);
  CHECK_FALSE(resets(mirror, 0s));
  CHECK_FALSE(resets(mirror, 1s));
  const auto first = resets(mirror, 2s);
  REQUIRE(first);
  CHECK(first->duration == 1min);
  CHECK(first->address.to_string() == "203.0.113.5");
  CHECK_FALSE(resets(mirror, 30s));  // banned
  // Of who was banned once, each failure counts twice.
  CHECK_FALSE(resets(mirror, 63s));
  const auto second = resets(mirror, 64s);
  REQUIRE(second);
  CHECK(second->duration == 2min);
}

TEST_CASE("as Fail2Ban, the mirror estimates a rate: 1801 s apart are a ban", "[judge][recipe]") {
  RecipeMirror mirror(kSeed);
  CHECK_FALSE(resets(mirror, 0s));
  CHECK_FALSE(resets(mirror, 1801s));
  CHECK(resets(mirror, 3602s));
  RecipeMirror slower(kSeed);
  for (int i = 0; i < 20; ++i) CHECK_FALSE(resets(slower, i * 3h));
}

TEST_CASE("as Fail2Ban, the mirror forgets a ban of a minute after a day", "[judge][recipe]") {
  RecipeMirror mirror(kSeed);
  for (int i = 0; i < 2; ++i) CHECK_FALSE(resets(mirror, 0s));
  REQUIRE(resets(mirror, 0s));
  for (int i = 0; i < 2; ++i) CHECK_FALSE(resets(mirror, 24h + 4min));
  const auto again = resets(mirror, 24h + 4min);
  REQUIRE(again);
  CHECK(again->duration == 1min);
}

TEST_CASE("the mirror remembers no more addresses than it has room for", "[judge][recipe]") {
  RecipeMirror mirror(kSeed);
  for (unsigned i = 0; i < RecipeMirror::kMaxAddresses + 100; ++i)
    CHECK_FALSE(resets(mirror, i * 1ms, Address::v4(0x0a000000 + i).to_string() + ":1"));
  CHECK(mirror.size() == RecipeMirror::kMaxAddresses);
  CHECK(mirror.evicted() == 100);
}
