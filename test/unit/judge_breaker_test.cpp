// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/breaker.hpp"

#include <fmt/format.h>

#include "judge/ledger.hpp"
#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMany = 1000;

Prefix customer(unsigned number) {
  return *Prefix::parse(fmt::format("192.0.2.{}", number));
}

// The user of that number is due for a ban for failing as itself.
bool own(Breaker& breaker, unsigned number, std::size_t of_all, std::chrono::milliseconds when) {
  return breaker.admits(customer(number), "password-guess", FailedUser{100 + number, of_all}, at(when));
}

bool stranger(Breaker& breaker, unsigned number, std::chrono::milliseconds when) {
  return breaker.admits(Prefix(Address::v4(0xcb007100 + number), 32), "password-guess", std::nullopt,
                        at(when));
}

}  // namespace

TEST_CASE("five users within ten minutes are banned, the sixth opens the breaker", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 5; ++i) CHECK(own(breaker, i, kMany, i * 1min));
  CHECK_FALSE(breaker.open());
  CHECK_FALSE(own(breaker, 6, kMany, 6min));
  REQUIRE(breaker.open());
  const BreakerState& state = breaker.state();
  CHECK(state.cause == BreakerState::Cause::customers);
  CHECK(state.customers == kMany);
  CHECK(state.banned.size() == 6);
  CHECK(state.banned.back().network == customer(6));
  CHECK(state.withheld == 1);
  CHECK(why_open(state) ==
        "6 users of 1000 that had logged in were due for a ban within 10m for failing as themselves");
  CHECK_THAT(customers_of(state), contains_text("192.0.2.6/32 for password-guess"));
}

TEST_CASE("while it is open for its users, everybody else is banned as always", "[judge][breaker]") {
  Breaker breaker;
  CHECK_FALSE(breaker.spares_own_failures(at(0s)));
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(own(breaker, i, kMany, 0s));
  CHECK(breaker.spares_own_failures(at(1min)));
  for (unsigned i = 0; i < 100; ++i) CHECK(stranger(breaker, i, 1min));
  CHECK_FALSE(breaker.spares_own_failures(at(1h)));
}

TEST_CASE("customers banned further apart than ten minutes open nothing", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 40; ++i) CHECK(own(breaker, i, kMany, i * 2min));
  CHECK(breaker.state().openings == 0);
}

TEST_CASE("one user is one, from however many addresses", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 0; i < 250; ++i)
    CHECK(breaker.admits(customer(i), "password-guess", FailedUser{7, kMany}, at(i * 1s)));
  CHECK_FALSE(breaker.open());
}

TEST_CASE("bans of who fails as another open nothing, however many", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 0; i < 10'000; ++i) CHECK(stranger(breaker, i, i * 1ms));
}

TEST_CASE("over half of the users open it, but not 1 of 1 and not 2 of 3", "[judge][breaker]") {
  Breaker few;
  CHECK(own(few, 1, 1, 0s));
  CHECK(own(few, 2, 3, 0s));
  CHECK_FALSE(own(few, 3, 5, 0s));
  CHECK(few.state().cause == BreakerState::Cause::share);
  Breaker half;
  for (unsigned i = 1; i <= 3; ++i) CHECK(own(half, i, 6, 0s));
  CHECK_FALSE(own(half, 4, 7, 0s));
}

TEST_CASE("it closes by itself after its time, and opens only for what comes then", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(own(breaker, i, kMany, 0s));
  CHECK(breaker.closes_in(at(10min)) == 50min);
  breaker.tick(at(1h - 1ms));
  CHECK(breaker.open());
  breaker.tick(at(1h));
  CHECK_FALSE(breaker.open());
  CHECK(breaker.state().closed == BreakerState::Closing::by_time);
  CHECK_FALSE(breaker.closes_in(at(1h)));
  for (unsigned i = 1; i <= 5; ++i) CHECK(own(breaker, i, kMany, 1h));
  CHECK_FALSE(own(breaker, 6, kMany, 1h));
  CHECK(breaker.state().openings == 2);
}

TEST_CASE("where it is told so, it stays open until somebody closes it", "[judge][breaker]") {
  Breaker breaker;
  breaker.set_policy({.time = 0s});
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(own(breaker, i, kMany, 0s));
  breaker.tick(at(1000h));
  REQUIRE(breaker.open());
  CHECK_FALSE(breaker.closes_in(at(1000h)));
  breaker.close();
  CHECK_FALSE(breaker.open());
  CHECK(breaker.state().closed == BreakerState::Closing::by_hand);
  CHECK(own(breaker, 6, kMany, 1000h));
}

TEST_CASE("a rate of bans opens it where one is set, and then nobody is banned", "[judge][breaker]") {
  Breaker breaker;
  breaker.set_policy({.bans_per_minute = 10, .time = 1min});
  for (unsigned i = 0; i < 60; ++i) CHECK(stranger(breaker, i, i * 6s));  // ten a minute, for six
  CHECK_FALSE(stranger(breaker, 60, 59 * 6s));
  CHECK(breaker.state().cause == BreakerState::Cause::rate);
  CHECK(breaker.state().bans == 11);
  CHECK_THAT(why_open(breaker.state()), contains_text("11 bans within a minute"));
  CHECK_FALSE(breaker.spares_own_failures(at(59 * 6s)));
  CHECK_FALSE(own(breaker, 1, kMany, 59 * 6s));
  CHECK(breaker.state().withheld == 2);
  CHECK(stranger(breaker, 61, 59 * 6s + 1min));  // closed, and the count began anew
}

TEST_CASE("the rate is watched while it is open for its users, too", "[judge][breaker]") {
  Breaker breaker;
  breaker.set_policy({.bans_per_minute = 10});
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(own(breaker, i, kMany, 0s));
  CHECK(breaker.state().cause == BreakerState::Cause::customers);
  for (unsigned i = 0; i < 5; ++i) CHECK(stranger(breaker, i, 1s));
  CHECK_FALSE(stranger(breaker, 9, 1s));
  CHECK(breaker.state().cause == BreakerState::Cause::rate);
  CHECK(breaker.state().openings == 2);
}

TEST_CASE("a ban that was withheld is due at the next offence, on the same rung",
          "[judge][breaker][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  for (int i = 0; i < 2; ++i) CHECK_FALSE(ledger.due(offence("192.0.2.1"), {}, at(0s)));
  const auto due = ledger.due(offence("192.0.2.1"), {}, at(1min));
  REQUIRE(due);
  CHECK(ledger.points(due->prefix, at(1min)) == Points{3000});
  CHECK(ledger.counters().verdicts == 0);
  const auto again = ledger.due(offence("192.0.2.1"), {}, at(2min));
  REQUIRE(again);
  CHECK(again->earlier_bans == 0);
  CHECK(again->duration == 1min);
  ledger.begin(*again, at(2min));
  CHECK(ledger.counters().verdicts == 1);
  CHECK(ledger.points(due->prefix, at(2min)) == Points{});
  CHECK_FALSE(ledger.due(offence("192.0.2.1"), {}, at(2min + 30s)));
  CHECK(ledger.counters().while_banned == 1);
  // What was withheld and not repeated ages out as other offences do.
  for (int i = 0; i < 3; ++i) static_cast<void>(ledger.due(offence("192.0.2.2"), {}, at(0s)));
  CHECK_FALSE(ledger.due(offence("192.0.2.2"), {}, at(1h + 2min + 30s)));
}
