// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/ledger.hpp"

#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

TEST_CASE("three offences within an hour are a ban of one minute", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(0s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(30min)));
  const auto verdict = ledger.record(offence("192.0.2.1", 1000, Evidence::proven), at(1h - 1ms));
  REQUIRE(verdict);
  CHECK(verdict->prefix.to_string() == "192.0.2.1/32");
  CHECK(verdict->duration == 1min);
  CHECK(verdict->address == Address::parse("192.0.2.1"));
  CHECK(verdict->rule == 7);
  CHECK(verdict->evidence == Evidence::proven);
  CHECK(verdict->points == Points{3000});
  CHECK(verdict->earlier_bans == 0);
  CHECK(ledger.counters().verdicts == 1);
  CHECK(ledger.counters().offences == 3);
}

TEST_CASE("points older than the window are forgotten", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(0s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(30min)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(1h)));
  CHECK(ledger.record(offence("192.0.2.1"), at(1h + 1min)));
}

TEST_CASE("0.3 points ten times are exactly three", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  for (int i = 0; i < 9; ++i) CHECK_FALSE(ledger.record(offence("192.0.2.1", 300), at(i * 1s)));
  CHECK(ledger.record(offence("192.0.2.1", 300), at(10s)));
}

TEST_CASE("what cannot be banned for is counted and never judged", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(ledger.record(offence("192.0.2.1", 3000, Evidence::spoofable), at(i * 1s)));
    CHECK_FALSE(ledger.record(offence("192.0.2.1", 3000, Evidence::tainted), at(i * 1s)));
  }
  CHECK(ledger.counters().not_bannable == 100);
  CHECK(ledger.size() == 0);
  CHECK_FALSE(ledger.record(offence("192.0.2.1", 0), at(1min)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1", -3000), at(1min)));
  CHECK(ledger.size() == 0);
}

TEST_CASE("IPv6 is counted and banned by its /64, IPv4 by its address", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  CHECK_FALSE(ledger.record(offence("2001:db8:1:2::1"), at(0s)));
  CHECK_FALSE(ledger.record(offence("2001:db8:1:2:ffff::2"), at(1s)));
  CHECK_FALSE(ledger.record(offence("2001:db8:1:3::3"), at(2s)));
  const auto verdict = ledger.record(offence("2001:db8:1:2::3"), at(3s));
  REQUIRE(verdict);
  CHECK(verdict->prefix.to_string() == "2001:db8:1:2::/64");
  CHECK(verdict->address == Address::parse("2001:db8:1:2::3"));
  for (const auto* address : {"192.0.2.1", "192.0.2.2", "192.0.2.3"})
    CHECK_FALSE(ledger.record(offence(address), at(4s)));
}

TEST_CASE("a ban that did not come to stand is taken back with its rung", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  const auto first = ledger.record(offence("192.0.2.1", 3000), at(0s));
  REQUIRE(first);
  CHECK(ledger.take_back(first->prefix, first->earlier_bans));
  CHECK(ledger.earlier_bans(first->prefix) == 0);
  CHECK(ledger.ban_left(first->prefix, at(1s)) == 0s);
  const auto second = ledger.record(offence("192.0.2.1", 3000), at(2s));
  REQUIRE(second);  // not "while banned"
  CHECK(second->duration == 1min);
  const auto third = ledger.record(offence("192.0.2.1", 3000), at(5min));
  REQUIRE(third);
  CHECK(third->duration == 2min);
  CHECK(ledger.take_back(third->prefix, third->earlier_bans));
  CHECK(ledger.earlier_bans(third->prefix) == 1);
  const auto fourth = ledger.record(offence("192.0.2.1", 3000), at(6min));
  REQUIRE(fourth);
  CHECK(fourth->duration == 2min);
}

TEST_CASE("a ban apart that is taken back leaves the ladder alone", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  const auto real = ledger.record(offence("192.0.2.1", 3000), at(0s));
  REQUIRE(real);
  Verdict apart = *real;
  apart.earlier_bans = 1;
  ledger.begin_apart(apart, at(5min));
  CHECK_FALSE(ledger.take_back(apart.prefix, apart.earlier_bans));
  CHECK(ledger.earlier_bans(apart.prefix) == 1);
  CHECK(ledger.ban_left(apart.prefix, at(5min)) == 0s);
}

TEST_CASE("who was pardoned meanwhile, or is unknown, loses nothing by what is taken back",
          "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  const auto verdict = ledger.record(offence("192.0.2.1", 3000), at(0s));
  REQUIRE(verdict);
  ledger.forgive(verdict->prefix, false);
  CHECK_FALSE(ledger.take_back(verdict->prefix, 0));
  CHECK(ledger.earlier_bans(verdict->prefix) == 1);
  CHECK_FALSE(ledger.take_back(*Prefix::parse("192.0.2.9"), 0));
}

TEST_CASE("a ban that is ended before its time was one", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  const auto verdict = ledger.record(offence("192.0.2.1", 3000), at(0s));
  REQUIRE(verdict);
  ledger.end_ban(verdict->prefix, at(10s));
  CHECK(ledger.ban_left(verdict->prefix, at(10s)) == 0s);
  const auto next = ledger.record(offence("192.0.2.1", 3000), at(0s));  // a log that is behind
  REQUIRE(next);
  CHECK(next->earlier_bans == 1);
  CHECK(next->duration == 2min);
}

TEST_CASE("while a ban runs offences are counted and give no verdict", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(0s)));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(ledger.record(offence("192.0.2.1", 3000), at(59s + 999ms)));
  CHECK(ledger.counters().while_banned == 10);
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(60s)));
}

TEST_CASE("who was banned before is judged harder and banned longer", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  auto now = 0s;
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(now)));
  now += 1min;
  // One earlier ban: an offence counts twice. The window began empty.
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(now)));
  auto verdict = ledger.record(offence("192.0.2.1"), at(now));
  REQUIRE(verdict);
  CHECK(verdict->duration == 2min);
  CHECK(verdict->earlier_bans == 1);
  CHECK(verdict->points == Points{4000});
  // Two earlier bans: three times, so one line is enough.
  for (std::uint32_t n = 2; n < 25; ++n) {
    now += verdict->duration;
    verdict = ledger.record(offence("192.0.2.1"), at(now));
    REQUIRE(verdict);
    CHECK(verdict->earlier_bans == n);
    CHECK(verdict->points == Points{3000});
    CHECK(verdict->duration == (n < 16 ? 1min * (1 << n) : std::chrono::seconds(5 * 7 * 24h)));
  }
}

TEST_CASE("earlier bans are forgotten after forget_after of silence", "[judge][ledger]") {
  Policy policy;
  policy.forget_after = 24h;
  Ledger ledger(policy, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(0s)));
  REQUIRE(ledger.record(offence("192.0.2.2", 3000), at(0s)));
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(24h - 1ms))->earlier_bans == 1);
  CHECK(ledger.record(offence("192.0.2.2", 3000), at(24h))->earlier_bans == 0);
}

TEST_CASE("earlier bans are kept for three times the last ban where that is longer", "[judge][ledger]") {
  Policy policy;
  policy.forget_after = 1h;
  policy.bantime = 2h;
  Ledger ledger(policy, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(0s)));
  REQUIRE(ledger.record(offence("192.0.2.2", 3000), at(0s)));
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(6h - 1ms))->earlier_bans == 1);
  CHECK(ledger.record(offence("192.0.2.2", 3000), at(6h))->earlier_bans == 0);
}

TEST_CASE("unban forgets the window and the running ban, with the ladder everything", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(0s)));
  ledger.forgive(*Prefix::parse("192.0.2.1"), false);
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(1s)));  // counts twice
  CHECK(ledger.record(offence("192.0.2.1"), at(2s))->earlier_bans == 1);
  ledger.forgive(*Prefix::parse("192.0.2.1"), true);
  CHECK(ledger.size() == 0);
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(3s))->earlier_bans == 0);
  CHECK_FALSE(ledger.record(offence("192.0.2.7", 2000), at(3s)));
  ledger.forgive(*Prefix::parse("192.0.2.7"), false);
  CHECK_FALSE(ledger.record(offence("192.0.2.7", 2000), at(3s)));
}

TEST_CASE("forgiving a wider network forgives all in it, a narrower one the unit around it",
          "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  for (const auto* address : {"192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1"})
    REQUIRE(ledger.record(offence(address, 3000), at(0s)));
  ledger.forgive(*Prefix::parse("192.0.2.0/24"), true);
  CHECK(ledger.size() == 2);
  ledger.forgive(*Prefix::parse("2001:db8::9"), true);
  CHECK(ledger.size() == 1);
  ledger.forgive(*Prefix::parse("203.0.113.0/24"), true);
  CHECK(ledger.size() == 1);
}

TEST_CASE("an adopted ban counts as one earlier ban and runs", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  ledger.adopt(*Prefix::parse("192.0.2.1"), 5min, at(0s));
  CHECK_FALSE(ledger.record(offence("192.0.2.1", 3000), at(4min)));
  CHECK(ledger.counters().while_banned == 1);
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(5min))->earlier_bans == 1);
}

TEST_CASE("a changed policy applies to what comes, what was counted stays", "[judge][ledger]") {
  Policy policy;
  Ledger ledger(policy, kSeed);
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(0s)));
  policy.maxretry = {2000};
  policy.bantime = 10min;
  ledger.set_policy(policy);
  CHECK(ledger.record(offence("192.0.2.1"), at(1s))->duration == 10min);
}

// What several logs tell of comes in no order while one of them is behind.
TEST_CASE("what is more than findtime older than the last stands in no window with it", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(10h)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(1h)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(10h + 1min)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(9h + 30min)));
  CHECK(ledger.record(offence("192.0.2.1"), at(10h + 2min)));
}

TEST_CASE("an earlier ban that a late log tells of shortens none", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(10h)));
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(1h)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1", 3000), at(10h + 30s)));
  CHECK(ledger.counters().while_banned == 1);
}

TEST_CASE("a full ledger forgets single offences first, then repeated ones, then earlier bans",
          "[judge][ledger]") {
  Policy policy;
  policy.max_addresses = 4;
  Ledger ledger(policy, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(0s)));  // banned: the dearest, though the oldest
  CHECK_FALSE(ledger.record(offence("192.0.2.2"), at(1s)));    // twice: dearer than once
  CHECK_FALSE(ledger.record(offence("192.0.2.2"), at(2s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.3"), at(3s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.4"), at(4s)));
  CHECK(ledger.size() == 4);
  CHECK_FALSE(ledger.record(offence("192.0.2.5"), at(5s)));  // pushes out .3, then .4
  CHECK_FALSE(ledger.record(offence("192.0.2.6"), at(6s)));
  CHECK(ledger.size() == 4);
  CHECK(ledger.counters().evicted == 2);
  CHECK_FALSE(ledger.record(offence("192.0.2.5"), at(7s)));  // all but .6 are dearer now
  CHECK_FALSE(
      ledger.record(offence("192.0.2.3", 2000), at(8s)));  // pushes out .6: its earlier point was forgotten
  CHECK(ledger.record(offence("192.0.2.2"), at(9s)));      // still remembered twice
  CHECK(ledger.record(offence("192.0.2.5"), at(9s)));
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(1min))->earlier_bans == 1);
  CHECK(ledger.counters().evicted == 3);
}

TEST_CASE("a ledger full of the banned forgets the one it heard of longest ago", "[judge][ledger]") {
  Policy policy;
  policy.max_addresses = 2;
  Ledger ledger(policy, kSeed);
  REQUIRE(ledger.record(offence("192.0.2.1", 3000), at(0s)));
  REQUIRE(ledger.record(offence("192.0.2.2", 3000), at(1s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(2s)));
  REQUIRE(ledger.record(offence("192.0.2.3", 3000), at(3s)));
  CHECK(ledger.size() == 2);
  CHECK(ledger.record(offence("192.0.2.1", 3000), at(2min))->earlier_bans == 1);
  CHECK(ledger.record(offence("192.0.2.2", 3000), at(2min))->earlier_bans == 0);
}

TEST_CASE("a ledger that somebody filled still counts newcomers who offend in turns",
          "[judge][ledger][hostile]") {
  const auto fill_with = GENERATE(2, 3);  // offences each: a record of several, or a ban
  Policy policy;
  policy.max_addresses = 8000;
  Ledger ledger(policy, kSeed);
  for (unsigned i = 0; i < 10'000; ++i)
    for (int n = 0; n < fill_with; ++n)
      static_cast<void>(ledger.record(offence(Address::v4(0x0a000000 + i)), at(1s)));
  unsigned verdicts = 0;
  for (int round = 0; round < 3; ++round)
    for (unsigned i = 0; i < 900; ++i)
      verdicts += ledger.record(offence(Address::v4(0x60000000 + i)), at(2s)).has_value() ? 1U : 0U;
  CHECK(verdicts == 900);
  CHECK(ledger.size() == 8000);
}

TEST_CASE("what cannot be banned for takes no room from anybody", "[judge][ledger][hostile]") {
  Policy policy;
  policy.max_addresses = 100;
  Ledger ledger(policy, kSeed);
  for (std::uint32_t i = 0; i < 100; ++i)
    CHECK_FALSE(ledger.record(offence(Address::v4(0xcb007100U + i), 2000, Evidence::proven), at(0s)));
  for (std::uint32_t i = 0; i < 10'000; ++i)
    for (const Evidence forged : {Evidence::spoofable, Evidence::tainted})
      CHECK_FALSE(ledger.record(offence(Address::v4(0x0a000000U + i), 3000, forged), at(1s)));
  CHECK(ledger.size() == 100);
  CHECK(ledger.counters().evicted == 0);
  CHECK(ledger.counters().not_bannable == 20'000);
  for (std::uint32_t i = 0; i < 100; ++i)
    CHECK(ledger.record(offence(Address::v4(0xcb007100U + i), 1000, Evidence::proven), at(2s)));
}

TEST_CASE("what is forgotten anyway makes room and is no eviction", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  for (unsigned i = 0; i < 1000; ++i)
    CHECK_FALSE(ledger.record(offence(Address::v4(0x0a000000 + i)), at(0s)));
  for (unsigned i = 0; i < 1000; ++i)
    CHECK_FALSE(ledger.record(offence(Address::v4(0x0b000000 + i)), at(2h)));
  CHECK(ledger.size() == 1000);
  CHECK(ledger.counters().evicted == 0);
}

TEST_CASE("a smaller max_addresses takes effect at once", "[judge][ledger]") {
  Policy policy;
  Ledger ledger(policy, kSeed);
  for (unsigned i = 0; i < 1000; ++i)
    CHECK_FALSE(ledger.record(offence(Address::v4(0x0a000000 + i)), at(0s)));
  policy.max_addresses = 100;
  ledger.set_policy(policy);
  CHECK(ledger.size() == 100);
  CHECK(ledger.counters().evicted == 900);
}

TEST_CASE("200 000 addresses stay under 24 MiB, and 100 000 offenders under 12", "[judge][ledger][memory]") {
  Ledger ledger(Policy{}, kSeed);
  unsigned verdicts = 0;
  for (unsigned round = 0; round < 3; ++round)
    for (unsigned i = 0; i < 100'000; ++i)
      verdicts += ledger.record(offence(Address::v4(0x0a000000 + i * 7919)), at(1s)).has_value() ? 1U : 0U;
  CHECK(verdicts == 100'000);
  CHECK(ledger.counters().verdicts == verdicts);
  CHECK(ledger.bytes() < 12U << 20);
  for (unsigned i = 0; i < 500'000; ++i)
    CHECK_FALSE(ledger.record(offence(Address::v4(0x60000000 + i)), at(2s)));
  CHECK(ledger.size() == 200'000);
  CHECK(ledger.bytes() < 24U << 20);
  CHECK(ledger.counters().evicted == 400'000);
}

TEST_CASE("an offence with a narrower window counts only so long", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(0s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), 10min, at(1s)));
  CHECK(ledger.points(*Prefix::parse("192.0.2.1"), at(10min)) == Points{2000});
  CHECK(ledger.points(*Prefix::parse("192.0.2.1"), at(10min + 1s)) == Points{1000});
  CHECK(ledger.points(*Prefix::parse("192.0.2.9"), at(10min)) == Points{});
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), 10min, at(10min + 1s)));  // the one before has left
  const auto verdict = ledger.record(offence("192.0.2.1"), 10min, at(20min));
  REQUIRE(verdict);
  CHECK(verdict->points == Points{3000});
}

TEST_CASE("a window wider than findtime, or none, is findtime", "[judge][ledger]") {
  for (const auto window : {0s, 3600s, 86'400s, -5s}) {
    Ledger ledger(Policy{}, kSeed);
    CHECK_FALSE(ledger.record(offence("192.0.2.1"), window, at(0s)));
    CHECK_FALSE(ledger.record(offence("192.0.2.1", 1000), window, at(30min)));
    CHECK_FALSE(ledger.record(offence("192.0.2.1"), window, at(1h)));
    CHECK(ledger.record(offence("192.0.2.1"), window, at(1h + 1s)));
  }
}

TEST_CASE("a longer findtime keeps nothing longer than it was to stay", "[judge][ledger]") {
  Policy policy;
  Ledger ledger(policy, kSeed);
  CHECK_FALSE(ledger.record(offence("192.0.2.1", 2000), at(0s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.2", 2000), 10min, at(0s)));
  CHECK_FALSE(ledger.record(offence("192.0.2.3", 2000), 10min, at(0s)));
  policy.findtime = 2h;
  ledger.set_policy(policy);
  CHECK(ledger.record(offence("192.0.2.3"), at(10min - 1ms)));
  CHECK_FALSE(ledger.record(offence("192.0.2.2"), at(10min)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1"), at(1h)));
}

TEST_CASE("a ban apart is no rung of the ladder and clears nothing", "[judge][ledger]") {
  Ledger ledger(Policy{}, kSeed);
  const Prefix network = *Prefix::parse("192.0.2.1/32");
  CHECK_FALSE(ledger.record(offence("192.0.2.1", 2000), at(0s)));
  CHECK_FALSE(ledger.meets_ban(offence("192.0.2.1"), at(1s)));
  Verdict verdict;
  verdict.prefix = network;
  verdict.duration = 1min;
  ledger.begin_apart(verdict, at(1s));
  CHECK(ledger.counters().verdicts == 1);
  CHECK(ledger.earlier_bans(network) == 0);
  CHECK(ledger.meets_ban(offence("192.0.2.1"), at(1min)));
  CHECK_FALSE(ledger.record(offence("192.0.2.1", 3000), at(1min)));
  CHECK(ledger.counters().while_banned == 2);
  CHECK_FALSE(ledger.meets_ban(offence("192.0.2.1"), at(1min + 1s)));
  CHECK_FALSE(ledger.ended_lately(network, 1h, at(2min)));
  CHECK(ledger.points(network, at(2min)) == Points{2000});
  const auto own = ledger.record(offence("192.0.2.1"), at(2min));
  REQUIRE(own);
  CHECK(own->duration == 1min);
  CHECK(own->earlier_bans == 0);
  CHECK(ledger.ended_lately(network, 1h, at(4min)));
}
