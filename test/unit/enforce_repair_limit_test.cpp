// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/repair_limit.hpp"

#include "support/catch.hpp"

using coturn_guard::RepairLimit;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const RepairLimit::Time kBegin{std::chrono::hours(1)};

// Repairs as soon as it may, until somebody is named as fighting us; when that was.
RepairLimit::Time fight(RepairLimit& limit, RepairLimit::Time now) {
  while (!limit.count(now)) now += milliseconds(500);
  return now;
}

}  // namespace

TEST_CASE("repairs that are few are done at once", "[enforce][repair_limit]") {
  RepairLimit limit;
  for (std::size_t i = 0; i < RepairLimit::kCalm; ++i) {
    CHECK(limit.allows(kBegin));
    CHECK_FALSE(limit.count(kBegin));
  }
  CHECK(limit.allows(kBegin));
  CHECK(limit.lately() == RepairLimit::kCalm);
}

TEST_CASE("one repair too many makes the next one wait", "[enforce][repair_limit]") {
  RepairLimit limit;
  const auto now = fight(limit, kBegin);
  CHECK(limit.lately() == RepairLimit::kCalm + 1);
  CHECK_FALSE(limit.allows(now));
  CHECK_FALSE(limit.allows(now + RepairLimit::kFirstWait - milliseconds(1)));
  CHECK(limit.allows(now + RepairLimit::kFirstWait));
}

TEST_CASE("the wait doubles with each further repair, up to its longest", "[enforce][repair_limit]") {
  RepairLimit limit;
  auto now = fight(limit, kBegin);
  auto wait = RepairLimit::kFirstWait;
  for (const auto expected : {seconds(4), seconds(8), seconds(16), seconds(30)}) {
    now += wait;
    REQUIRE(limit.allows(now));
    const auto next = limit.count(now);
    REQUIRE(next);
    CHECK(*next == expected);
    wait = *next;
  }
}

TEST_CASE("repairs spread over more than a window are never too many", "[enforce][repair_limit]") {
  RepairLimit limit;
  const auto apart = RepairLimit::kWindow / RepairLimit::kCalm;
  for (int i = 0; i < 100; ++i) {
    const auto now = kBegin + i * apart;
    REQUIRE(limit.allows(now));
    REQUIRE_FALSE(limit.count(now));
    REQUIRE(limit.lately() <= RepairLimit::kCalm);
  }
}

TEST_CASE("after a quiet window the first wait is short again", "[enforce][repair_limit]") {
  RepairLimit limit;
  auto now = fight(limit, kBegin);
  now += RepairLimit::kFirstWait;
  REQUIRE(limit.allows(now));
  REQUIRE(limit.count(now) == seconds(4));
  now += RepairLimit::kWindow;
  CHECK(limit.allows(now));
  CHECK(limit.lately() == 0);
  now = fight(limit, now);
  CHECK_FALSE(limit.allows(now + RepairLimit::kFirstWait - milliseconds(1)));
  CHECK(limit.allows(now + RepairLimit::kFirstWait));
}
