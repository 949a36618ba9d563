// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/breaker.hpp"

#include <fmt/format.h>

#include "judge/credit.hpp"
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

bool ban(Breaker& breaker, const Prefix& network, std::optional<std::size_t> customers,
         std::chrono::milliseconds when) {
  return breaker.admits(network, "password-guess", customers, at(when));
}

}  // namespace

TEST_CASE("five customers within ten minutes are banned, the sixth opens the breaker", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 5; ++i) CHECK(ban(breaker, customer(i), kMany, i * 1min));
  CHECK_FALSE(breaker.open());
  CHECK_FALSE(ban(breaker, customer(6), kMany, 6min));
  REQUIRE(breaker.open());
  const BreakerState& state = breaker.state();
  CHECK(state.cause == BreakerState::Cause::customers);
  CHECK(state.customers == kMany);
  CHECK(state.banned.size() == 6);
  CHECK(state.banned.back().network == customer(6));
  CHECK(state.withheld == 1);
  CHECK(why_open(state) == "6 customers of 1000 were to be banned within 10m");
  CHECK_THAT(customers_of(state), contains_text("192.0.2.6/32 for password-guess"));
}

TEST_CASE("while it is open nobody is banned, whoever it is", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(ban(breaker, customer(i), kMany, 0s));
  CHECK_FALSE(ban(breaker, *Prefix::parse("203.0.113.1"), std::nullopt, 1min));
  CHECK_FALSE(ban(breaker, *Prefix::parse("203.0.113.2"), std::nullopt, 59min));
  CHECK(breaker.state().withheld == 3);
}

TEST_CASE("customers banned further apart than ten minutes open nothing", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 40; ++i) CHECK(ban(breaker, customer(i), kMany, i * 2min));
  CHECK(breaker.state().openings == 0);
}

TEST_CASE("one customer who is banned again and again is one", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 0; i < 50; ++i) CHECK(ban(breaker, customer(1), kMany, i * 1s));
  // All /64s of one /48 are one owner's, who must not be able to open it alone.
  for (unsigned i = 0; i < 50; ++i)
    CHECK(ban(breaker, *Prefix::parse(fmt::format("2001:db8:bad:{:x}::/64", i)), kMany, 1min));
  CHECK_FALSE(breaker.open());
}

TEST_CASE("bans of who is no customer open nothing, however many", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 0; i < 10'000; ++i)
    CHECK(ban(breaker, Prefix(Address::v4(0xcb007100 + i), 32), std::nullopt, i * 1ms));
}

TEST_CASE("over half of the customers open it, but not 1 of 1 and not 2 of 3", "[judge][breaker]") {
  Breaker few;
  CHECK(ban(few, customer(1), 1, 0s));
  CHECK(ban(few, customer(2), 3, 0s));
  CHECK_FALSE(ban(few, customer(3), 5, 0s));
  CHECK(few.state().cause == BreakerState::Cause::share);
  Breaker half;
  for (unsigned i = 1; i <= 3; ++i) CHECK(ban(half, customer(i), 6, 0s));
  CHECK_FALSE(ban(half, customer(4), 7, 0s));
}

TEST_CASE("it closes by itself after its time, and opens only for what comes then", "[judge][breaker]") {
  Breaker breaker;
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(ban(breaker, customer(i), kMany, 0s));
  CHECK(breaker.closes_in(at(10min)) == 50min);
  breaker.tick(at(1h - 1ms));
  CHECK(breaker.open());
  breaker.tick(at(1h));
  CHECK_FALSE(breaker.open());
  CHECK(breaker.state().closed == BreakerState::Closing::by_time);
  CHECK_FALSE(breaker.closes_in(at(1h)));
  for (unsigned i = 1; i <= 5; ++i) CHECK(ban(breaker, customer(i), kMany, 1h));
  CHECK_FALSE(ban(breaker, customer(6), kMany, 1h));
  CHECK(breaker.state().openings == 2);
}

TEST_CASE("where it is told so, it stays open until somebody closes it", "[judge][breaker]") {
  Breaker breaker;
  breaker.set_policy({.time = 0s});
  for (unsigned i = 1; i <= 6; ++i) static_cast<void>(ban(breaker, customer(i), kMany, 0s));
  breaker.tick(at(1000h));
  REQUIRE(breaker.open());
  CHECK_FALSE(breaker.closes_in(at(1000h)));
  breaker.close();
  CHECK_FALSE(breaker.open());
  CHECK(breaker.state().closed == BreakerState::Closing::by_hand);
  CHECK(ban(breaker, customer(6), kMany, 1000h));
}

TEST_CASE("a rate of bans opens it where one is set", "[judge][breaker]") {
  Breaker breaker;
  breaker.set_policy({.bans_per_minute = 10, .time = 1min});
  const auto stranger = [&](unsigned number, std::chrono::milliseconds when) {
    return ban(breaker, Prefix(Address::v4(0xcb007100 + number), 32), std::nullopt, when);
  };
  for (unsigned i = 0; i < 60; ++i) CHECK(stranger(i, i * 6s));  // ten a minute, for six
  CHECK_FALSE(stranger(60, 59 * 6s));
  CHECK(breaker.state().cause == BreakerState::Cause::rate);
  CHECK(breaker.state().bans == 11);
  CHECK_THAT(why_open(breaker.state()), contains_text("11 bans within a minute"));
  CHECK(stranger(61, 59 * 6s + 1min));  // closed, and the count began anew
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

TEST_CASE("customers are who logged in, or where nobody does, who was busy", "[judge][breaker][credit]") {
  CreditBook book(kSeed);
  book.was_busy(customer(1), at(0s));
  CHECK(book.customers(at(1min)) == 1);
  CHECK(book.is_customer(book.standing(customer(1), at(1min)), at(1min)));
  book.logged_in(customer(2), 7, at(1min));
  book.logged_in(customer(3), 8, at(1min));
  CHECK(book.customers(at(2min)) == 2);
  CHECK_FALSE(book.is_customer(book.standing(customer(1), at(2min)), at(2min)));
  CHECK(book.is_customer(book.standing(customer(3), at(2min)), at(2min)));
  CHECK(book.customers(at(1h + 1min)) == 0);
}
