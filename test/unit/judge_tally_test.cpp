// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/tally.hpp"

#include "judge/credit.hpp"
#include "judge/ledger.hpp"
#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

const Trait kGuessing{.points = {600},
                      .window = 10min,
                      .distinct = Distinct::user,
                      .from = 3,
                      .points_from = {3000},
                      .credit = Credit::shared};
const Trait kReset{.points = {1000}, .credit = Credit::spares};
const Trait kProbing{.points = {1000}, .distinct = Distinct::peer, .free = 2};
const Trait kFlood{.points = {100}, .window = 1min, .free = 10};

// The judge as the pipeline puts it together.
struct Bench {
  Tally tally{kSeed};
  CreditBook credit{kSeed};
  Ledger ledger{Policy{}, kSeed};

  std::optional<Verdict> judge(const Trait& trait, std::uint64_t what, std::chrono::milliseconds when,
                               const char* address = "192.0.2.1", std::uint32_t count = 1) {
    Offence made = offence(address, trait.points.milli);
    made.what = what;
    made.count = count;
    const Prefix network = ledger.prefix_of(made.address);
    const Points cost = tally.cost(network, made, trait, Policy{}.findtime, at(when));
    made.points = lightened(cost, trait.credit, credit.standing(network, at(when)));
    return ledger.record(made, trait.window, at(when));
  }

  Points cost(const Trait& trait, std::uint64_t what, std::chrono::milliseconds when,
              std::uint32_t count = 1) {
    Offence made = offence("192.0.2.1", trait.points.milli);
    made.what = what;
    made.count = count;
    return tally.cost(ledger.prefix_of(made.address), made, trait, Policy{}.findtime, at(when));
  }

  // What was done at `when` and told at `told`.
  Points cost_later(const Trait& trait, std::uint64_t what, std::chrono::seconds when,
                    std::chrono::seconds told) {
    Offence made = offence("192.0.2.1", trait.points.milli);
    made.what = what;
    made.waited = told - when;
    return tally.cost(ledger.prefix_of(made.address), made, trait, Policy{}.findtime, at(told));
  }
};

}  // namespace

TEST_CASE("five failed logins in ten minutes are a ban, five over an hour are none", "[judge][tally]") {
  Bench hasty;
  for (int i = 0; i < 4; ++i) CHECK_FALSE(hasty.judge(kGuessing, 1, i * 2min));
  CHECK(hasty.judge(kGuessing, 1, 9min + 59s));
  Bench slow;
  for (int i = 0; i < 30; ++i) CHECK_FALSE(slow.judge(kGuessing, 1, i * 12min));
}

TEST_CASE("three different users are a ban, one user three times is none", "[judge][tally]") {
  Bench bench;
  CHECK_FALSE(bench.judge(kGuessing, 1, 0s));
  CHECK_FALSE(bench.judge(kGuessing, 2, 1s));
  const auto verdict = bench.judge(kGuessing, 3, 2s);
  REQUIRE(verdict);
  CHECK(verdict->points == Points{4200});
  Bench same;
  for (int i = 0; i < 3; ++i) CHECK_FALSE(same.judge(kGuessing, 1, i * 1s));
  Bench over_time;
  for (std::uint64_t user = 1; user < 20; ++user) {
    CHECK_FALSE(over_time.judge(kGuessing, user, static_cast<int>(user) * 6min));
  }
}

TEST_CASE("the first different ones are free, and a known one never costs", "[judge][tally]") {
  Bench bench;
  CHECK(bench.cost(kProbing, 1, 0s) == Points{0});
  CHECK(bench.cost(kProbing, 2, 1s) == Points{0});
  CHECK(bench.cost(kProbing, 1, 2s, 50) == Points{0});
  CHECK(bench.cost(kProbing, 0, 2s) == Points{0});
  CHECK(bench.cost(kProbing, 3, 3s, 50) == Points{1000});
  CHECK(bench.cost(kProbing, 3, 4s) == Points{0});
  // The second was last seen an hour ago: forgotten, so a fourth one finds room again.
  CHECK(bench.cost(kProbing, 1, 59min) == Points{0});
  CHECK(bench.cost(kProbing, 4, 1h + 4s) == Points{0});
}

TEST_CASE("the first so many within the window cost nothing", "[judge][tally]") {
  Bench bench;
  CHECK(bench.cost(kFlood, 0, 0s, 7) == Points{0});
  CHECK(bench.cost(kFlood, 0, 30s, 5) == Points{200});
  CHECK(bench.cost(kFlood, 0, 59s) == Points{100});
  CHECK(bench.cost(kFlood, 0, 61s, 5) == Points{100});  // the seven have left
}

TEST_CASE("what sessions that end together did is measured by when they did it", "[judge][tally][waited]") {
  const bool backwards = GENERATE(false, true);
  const auto place = [&](int i, int of) { return backwards ? of - 1 - i : i; };
  Bench slow;  // nine a minute, for two hours
  for (int i = 0; i < 1080; ++i)
    CHECK(slow.cost_later(kFlood, 0, place(i, 1080) * 7s, 2h + 6min) == Points{0});
  Bench hasty;  // twenty within a minute, and one each minute until they are told
  for (int i = 0; i < 100; ++i)
    CHECK(hasty.cost_later(kFlood, 0, 2min + place(i, 100) * 1min, 110min) == Points{0});
  Points sum;
  for (int i = 0; i < 20; ++i) sum = sum + hasty.cost_later(kFlood, 0, place(i, 20) * 1s, 110min);
  CHECK(sum == Points{1000});
}

TEST_CASE("windows that are told in turns are each measured whole", "[judge][tally][waited]") {
  Bench bench;
  Points sum;
  for (int i = 0; i < 30; ++i)
    for (int burst = 0; burst < 20; ++burst)
      sum = sum + bench.cost_later(kFlood, 0, burst * 5min + i * 1s, 110min);
  CHECK(sum == Points{20 * 20 * 100});
}

TEST_CASE("different things are counted with those of the same time", "[judge][tally][waited]") {
  const bool backwards = GENERATE(false, true);
  Trait candidates = kProbing;
  candidates.window = 10min;
  candidates.free = 20;
  const auto told = 1h + 50min;
  Bench calls;  // fifteen in each of ten calls
  for (int call = 0; call < 10; ++call)
    for (int i = 0; i < 15; ++i) {
      const int which = backwards ? 9 - call : call;
      CHECK(calls.cost_later(candidates, static_cast<std::uint64_t>(which * 15 + i + 1), which * 11min,
                             told) == Points{0});
    }
  Bench scan;  // thirty in five sessions of one window
  Points sum;
  for (int i = 0; i < 30; ++i) {
    const int which = backwards ? 29 - i : i;
    sum = sum + scan.cost_later(candidates, static_cast<std::uint64_t>(which + 1), which / 6 * 2min, told);
  }
  CHECK(sum == Points{10'000});
}

TEST_CASE("an ordinary rule is arithmetic and remembers nothing", "[judge][tally]") {
  Bench bench;
  CHECK(bench.cost(kReset, 5, 0s, 3) == Points{3000});
  CHECK(bench.cost(kReset, 5, 0s, 4'000'000'000U) > Points{1'000'000'000});
  Trait off = kFlood;
  off.points = {0};
  CHECK(bench.cost(off, 0, 0s, 100) == Points{0});
  CHECK(bench.tally.size() == 0);
}

TEST_CASE("more different ones than are told apart still cost", "[judge][tally]") {
  Bench bench;
  Trait lavish = kProbing;
  lavish.free = 1000;
  std::uint64_t what = 1;
  for (; what < kMostDifferent; ++what) CHECK(bench.cost(lavish, what, 0s) == Points{0});
  for (; what < kMostDifferent + 10; ++what) CHECK(bench.cost(lavish, what, 0s) == Points{1000});
  Bench guesses;
  Trait late = kGuessing;
  late.from = 1000;
  for (what = 1; what < kMostDifferent; ++what) CHECK(guesses.cost(late, what, 0s) == Points{600});
  CHECK(guesses.cost(late, what, 0s) == Points{3000});
}

TEST_CASE("a million networks stay within bounds, and each loss is counted", "[judge][tally]") {
  Bench bench;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    Offence made = offence(Address::v4(0x0a000000U + i), 100);
    made.what = i + 1;
    static_cast<void>(bench.tally.cost(Prefix(made.address, 32), made, kGuessing, 1h, at(0s)));
  }
  CHECK(bench.tally.size() == Tally::kMaxEntries);
  CHECK(bench.tally.evicted() == 1'000'000 - Tally::kMaxEntries);
}

TEST_CASE("many networks with one thing each do not make one forgotten that was seen with several",
          "[judge][tally][eviction]") {
  Bench bench;
  CHECK(bench.cost(kGuessing, 1, 0s) == Points{600});
  CHECK(bench.cost(kGuessing, 2, 0s) == Points{600});
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    Offence made = offence(Address::v4(0x0a000000U + i), 100);
    made.what = i + 1;
    static_cast<void>(bench.tally.cost(Prefix(made.address, 32), made, kGuessing, 1h, at(0s)));
  }
  CHECK(bench.cost(kGuessing, 3, 0s) == Points{3000});
}

TEST_CASE("one network cannot fill the tally by naming users", "[judge][tally]") {
  Bench bench;
  for (std::uint64_t user = 1; user < 10'000; ++user) static_cast<void>(bench.cost(kGuessing, user, 0s));
  CHECK(bench.tally.size() == 1);
  CHECK(bench.tally.evicted() == 0);
}

TEST_CASE("what is forgiven begins anew", "[judge][tally]") {
  Bench bench;
  const auto spend = [&] { return bench.cost(kFlood, 0, 0s, 11); };
  CHECK(spend() == Points{100});
  CHECK(spend() == Points{1100});
  bench.tally.forget(*Prefix::parse("198.51.100.0/24"));
  CHECK(spend() == Points{1100});
  bench.tally.forget(*Prefix::parse("192.0.2.0/24"));
  CHECK(bench.tally.size() == 0);
  CHECK(spend() == Points{100});
  bench.tally.clear();
  CHECK(spend() == Points{100});
}

TEST_CASE("a network of fifty customers outlives thirty guesses of one, not some hundreds",
          "[judge][credit]") {
  Bench bench;
  for (std::uint64_t user = 1; user <= 50; ++user)
    bench.credit.logged_in(*Prefix::parse("192.0.2.1"), user, at(0s));
  int guesses = 0;
  while (!bench.judge(kGuessing, 1, guesses * 1s)) REQUIRE(++guesses < 1000);
  CHECK(guesses > 100);
  CHECK(guesses < 500);
}

TEST_CASE("a busy connection halves resets: the sixth in a row is a ban", "[judge][credit]") {
  Bench bench;
  bench.credit.was_busy(*Prefix::parse("192.0.2.1"), at(0s));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(bench.judge(kReset, 0, i * 1s));
  CHECK(bench.judge(kReset, 0, 6s));
  Bench stranger;
  for (int i = 0; i < 2; ++i) CHECK_FALSE(stranger.judge(kReset, 0, i * 1s));
  CHECK(stranger.judge(kReset, 0, 3s));
}

TEST_CASE("who logged in within the hour is never banned for resets alone", "[judge][credit]") {
  Bench bench;
  bench.credit.logged_in(*Prefix::parse("192.0.2.1"), 1, at(0s));
  for (int i = 0; i < 100; ++i) CHECK_FALSE(bench.judge(kReset, 0, 1h - 1s));
  for (int i = 0; i < 2; ++i) CHECK_FALSE(bench.judge(kReset, 0, 1h));
  CHECK(bench.judge(kReset, 0, 1h));
}
