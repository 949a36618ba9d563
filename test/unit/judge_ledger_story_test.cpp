// SPDX-License-Identifier: GPL-3.0-or-later
#include <random>
#include <vector>

#include "support/catch.hpp"
#include "support/ledger_story.hpp"

using namespace coturn_guard;

TEST_CASE("whatever happens, the ledger answers as one that forgets nothing", "[judge][ledger][property]") {
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<std::uint8_t> bytes(40 + random() % 4000);
    // Every story has its own favourite steps of time and addresses, or windows would hardly ever fill.
    const auto favourite = static_cast<std::uint8_t>(random());
    for (auto& byte : bytes) byte = random() % 3 == 0 ? favourite : static_cast<std::uint8_t>(random());
    INFO("seed " << seed);
    REQUIRE(test::play_ledger_story(bytes).empty());
  }
}

TEST_CASE("the oracle would notice a ledger that is wrong", "[judge][ledger][property]") {
  using namespace coturn_guard::test;
  LedgerOracle oracle{Policy{}};
  CHECK(oracle.check(offence("192.0.2.1"), 0, Verdict{}) == "a verdict although the measure is not full");
  CHECK(oracle.check(offence("192.0.2.2", 3000), 0, std::nullopt) ==
        "no verdict although the measure is full");
  CHECK(oracle.check(offence("192.0.2.3", 3000, Evidence::tainted), 0, Verdict{}) ==
        "a verdict for what must not be judged");
  Verdict verdict;
  verdict.prefix = *Prefix::parse("192.0.2.4");
  verdict.duration = std::chrono::minutes(2);
  verdict.points = {3000};
  CHECK(oracle.check(offence("192.0.2.4", 3000), 0, verdict) == "not the ladder's duration");
  verdict.duration = std::chrono::minutes(1);
  CHECK(oracle.check(offence("192.0.2.4", 3000), 1, verdict) == "not the points that there were");
}
