// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/health_checks.hpp"

#include <array>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/judge_words.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using test::at;
using test::kSeed;

namespace {

constexpr RuleId kRule = 3, kOther = 4, kThird = 5;

class Source {
 public:
  explicit Source(HealthChecks& checks, const std::string& address = "203.0.113.50")
      : checks_(checks), address_(Address::parse(address).value()) {}

  // One connection, so long after the last: is a ban withheld?
  bool probes(milliseconds after, RuleId rule = kRule, std::uint16_t local_port = 5349, bool weak = true) {
    now_ += after;
    ++port_;
    return again(rule, local_port, weak);
  }
  // Another word about the same connection.
  bool again(RuleId rule, std::uint16_t local_port = 5349, bool weak = true) {
    return checks_.take({.network = network(),
                         .address = address_,
                         .rule = rule,
                         .client_port = port_,
                         .local_port = local_port,
                         .weak = weak},
                        at(now_));
  }
  int withheld(int probes_made, milliseconds interval) {
    int count = 0;
    for (int i = 0; i < probes_made; ++i) count += probes(interval) ? 1 : 0;
    return count;
  }
  void waits(milliseconds time) { now_ += time; }
  [[nodiscard]] Prefix network() const { return Prefix(address_, 32); }
  [[nodiscard]] bool named() const {
    for (const HealthCheck& check : checks_.named())
      if (check.network == network()) return true;
    return false;
  }

 private:
  HealthChecks& checks_;
  Address address_;
  milliseconds now_ = 1h;
  std::uint16_t port_ = 1000;
};

}  // namespace

TEST_CASE("a ban is withheld from the third equal interval on, and the eighth probe names the check",
          "[judge][health]") {
  for (const milliseconds interval : {1000ms, 2000ms, 5000ms, 10'000ms, 30'000ms, 60'000ms}) {
    HealthChecks checks(kSeed);
    Source monitor(checks);
    CHECK(monitor.withheld(3, interval) == 0);
    CHECK(monitor.withheld(4, interval) == 4);
    CHECK_FALSE(monitor.named());
    CHECK(monitor.probes(interval));
    REQUIRE(monitor.named());
    const auto told = checks.take_named();
    REQUIRE(told.size() == 1);
    CHECK(told.front().interval == interval);
    CHECK(monitor.withheld(1000, interval) == 1000);
    CHECK(checks.take_named().empty());
  }
}

TEST_CASE("intervals may differ by a tenth, as clocks and networks do", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  for (int i = 0; i < 100; ++i) static_cast<void>(monitor.probes(i % 3 == 0 ? 2100ms : 1930ms));
  CHECK(monitor.named());
}

TEST_CASE("a check each second may be late by what a busy machine is", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  for (int i = 0; i < 100; ++i) static_cast<void>(monitor.probes(i % 2 == 0 ? 1105ms : 895ms));
  CHECK(monitor.named());
  HealthChecks others(kSeed);
  Source scanner(others);
  for (int i = 0; i < 100; ++i) static_cast<void>(scanner.probes(i % 2 == 0 ? 1170ms : 830ms));
  CHECK_FALSE(scanner.named());
}

TEST_CASE("times in whole seconds name a check of any interval", "[judge][health]") {
  for (const std::int64_t interval : {1000, 1003, 1400, 2001, 2500, 5012, 10'030, 60'001}) {
    HealthChecks checks(kSeed);
    int spared = 0;
    for (std::int64_t i = 0; i < 500; ++i) {
      const auto second = milliseconds((3'600'000 + i * interval) / 1000 * 1000);
      spared += checks.take({.network = *Prefix::parse("203.0.113.50"),
                             .address = *Address::parse("203.0.113.50"),
                             .rule = kRule,
                             .client_port = static_cast<std::uint16_t>(1000 + i),
                             .coarse = true},
                            at(second))
                    ? 1
                    : 0;
    }
    CHECK(spared == 497);
    CHECK(checks.named().size() == 1);
    CHECK(checks.counters().ended == 0);
  }
}

TEST_CASE("whole seconds do not make the uneven even", "[judge][health][hostile]") {
  const std::vector<std::vector<std::int64_t>> pauses{{1400, 3400, 2200, 4600, 1900},
                                                      {1000, 3000, 2000, 5000},
                                                      {700, 700, 700, 700},
                                                      {500, 2500},
                                                      {10'000, 14'000, 12'000}};
  for (const auto& story : pauses) {
    HealthChecks checks(kSeed);
    std::int64_t now = 3'600'400;
    int spared = 0;
    for (std::size_t i = 0; i < 100; ++i) {
      spared += checks.take({.network = *Prefix::parse("203.0.113.50"),
                             .address = *Address::parse("203.0.113.50"),
                             .rule = kRule,
                             .client_port = static_cast<std::uint16_t>(1000 + i),
                             .coarse = true},
                            at(milliseconds(now / 1000 * 1000)))
                    ? 1
                    : 0;
      now += story[i % story.size()];
    }
    INFO(story.front());
    CHECK(spared <= 100 / static_cast<int>(story.size()));  // at most one in each round, and never named
    CHECK(checks.counters().named == 0);
  }
}

TEST_CASE("less than a second apart nothing is a check", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source scanner(checks);
  CHECK(scanner.withheld(100, 900ms) == 0);
  CHECK(scanner.withheld(100, 100ms) == 0);
}

TEST_CASE("unequal intervals are no check", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source scanner(checks);
  constexpr std::array kIntervals{1000ms, 3000ms, 2000ms, 5000ms};
  int spared = 0;
  for (std::size_t i = 0; i < 100; ++i) spared += scanner.probes(kIntervals[i % 4]) ? 1 : 0;
  CHECK(spared == 0);
}

TEST_CASE("who turns irregular before the eighth probe is due at once", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source scanner(checks);
  CHECK(scanner.withheld(7, 2s) == 4);
  CHECK_FALSE(scanner.probes(300ms));
  CHECK_FALSE(scanner.probes(2s));
}

TEST_CASE("other first bytes, another port or a whole point are no check's", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source scanner(checks);
  int spared = 0;
  for (int i = 0; i < 50; ++i) spared += scanner.probes(2s, i % 2 == 0 ? kRule : kOther) ? 1 : 0;
  for (int i = 0; i < 50; ++i) spared += scanner.probes(2s, kRule, i % 2 == 0 ? 3478 : 5349) ? 1 : 0;
  for (int i = 0; i < 50; ++i) spared += scanner.probes(2s, kRule, 5349, false) ? 1 : 0;
  CHECK(spared == 0);
  CHECK(scanner.withheld(7, 2s) == 4);
  CHECK_FALSE(scanner.probes(2s, kOther));
}

TEST_CASE("anything else that its source does ends a named check", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source scanner(checks);
  CHECK(scanner.withheld(20, 2s) == 17);
  checks.end(scanner.network());
  CHECK_FALSE(scanner.named());
  CHECK(checks.counters().ended == 1);
  CHECK_FALSE(scanner.probes(2s));
}

TEST_CASE("the log's and the kernel's word about one connection are one probe, in either order",
          "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  for (int i = 0; i < 30; ++i) {
    const bool log_first = i % 3 != 0;
    const bool first = monitor.probes(2s, log_first ? kRule : kOther);
    const bool second = monitor.again(log_first ? kOther : kRule);
    if (i >= 3) CHECK((first && second));
  }
  CHECK(monitor.named());
  // A third thing in the same connection is none of them.
  static_cast<void>(monitor.probes(2s));
  for (int i = 0; i < 3; ++i) static_cast<void>(monitor.again(kThird));
  CHECK_FALSE(monitor.named());
}

TEST_CASE("a probe that nobody told of is borne, and no more than that", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks), skipper(checks, "203.0.113.51");
  CHECK(monitor.withheld(5, 2s) == 2);
  CHECK(monitor.probes(4s));
  CHECK(monitor.withheld(3, 2s) == 3);
  CHECK(monitor.probes(4s));
  CHECK(monitor.named());
  for (int i = 0; i < 40; ++i) static_cast<void>(skipper.probes(i % 2 == 0 ? 2s : 4s));
  CHECK_FALSE(skipper.named());
}

TEST_CASE("a named check bears that its balancer is reloaded, or gets another interval", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  CHECK(monitor.withheld(10, 2s) == 7);
  CHECK(monitor.probes(700ms));
  CHECK(monitor.withheld(10, 2s) == 10);
  CHECK(monitor.probes(5min));
  CHECK(monitor.withheld(10, 5s) == 10);
  CHECK(monitor.named());
  // Three times within a few probes it is no check.
  CHECK(monitor.probes(700ms));
  CHECK(monitor.probes(900ms));
  CHECK_FALSE(monitor.probes(300ms));
  CHECK_FALSE(monitor.named());
  CHECK(checks.counters().ended == 1);
}

TEST_CASE("more than three connections without a probe are not one at a time", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source monitor(checks), scanner(checks, "203.0.113.51");
  for (int i = 0; i < 50; ++i) {
    checks.opened(monitor.network(), static_cast<std::uint16_t>(i));
    static_cast<void>(monitor.probes(2s));
    for (std::uint16_t k = 0; k < 4; ++k)
      checks.opened(scanner.network(), static_cast<std::uint16_t>(i * 10 + k));
    static_cast<void>(scanner.probes(2s));
  }
  CHECK(monitor.named());
  CHECK_FALSE(scanner.named());
}

TEST_CASE("what is not known to the moment says nothing of regularity", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  const Probe vague{.network = monitor.network(), .address = {}, .rule = kOther, .vague = true};
  CHECK_FALSE(checks.take(vague, at(1h)));
  for (int i = 0; i < 8; ++i) {
    static_cast<void>(monitor.probes(2s));
    CHECK(checks.take(vague, at(1h + 2s * i + 700ms)) == (i >= 3));
  }
  CHECK(monitor.named());
}

TEST_CASE("who scans from one port for ever, or in bursts that nobody can date, is no check",
          "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source same_port(checks), bursts(checks, "203.0.113.51");
  CHECK(same_port.withheld(20, 2s) == 17);
  int spared = 0;
  for (int i = 0; i < 20; ++i) spared += same_port.again(kRule) ? 1 : 0;
  CHECK(spared <= static_cast<int>(HealthChecks::kOddities));
  CHECK_FALSE(same_port.named());

  CHECK(bursts.withheld(20, 2s) == 17);
  const Probe vague{.network = bursts.network(), .address = {}, .rule = kRule, .vague = true};
  spared = 0;
  for (int i = 0; i < 20; ++i) spared += checks.take(vague, at(1h + 40s)) ? 1 : 0;
  CHECK(spared <= static_cast<int>(HealthChecks::kMostOpened + HealthChecks::kOddities));
  CHECK_FALSE(bursts.named());
}

TEST_CASE("256 checks are named, and nobody pushes out who comes in time", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  CHECK(monitor.withheld(9, 60s) == 6);
  std::vector<Source> crowd;
  for (unsigned i = 0; i < 400; ++i)
    crowd.emplace_back(checks, Address::v4(0x0b000001U + (i << 8)).to_string());
  for (Source& one : crowd) one.waits(480s);
  for (int probe = 0; probe < 40; ++probe)
    for (Source& one : crowd) static_cast<void>(one.probes(1s));
  CHECK(monitor.named());
  CHECK(checks.named().size() == HealthChecks::kMostNamed);
  CHECK(checks.counters().refused > 0);
  CHECK(monitor.probes(60s));
  // When they are silent, there is room again.
  Source late(checks, "203.0.113.77");
  late.waits(2h);
  CHECK(late.withheld(8, 2s) == 5);
  CHECK(late.named());
  CHECK(checks.named().size() == HealthChecks::kMostNamed);
}

TEST_CASE("who has a whole site takes few of the places", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  std::vector<Source> crowd;
  for (unsigned i = 0; i < 100; ++i) crowd.emplace_back(checks, Address::v4(0xcb007201U + i).to_string());
  for (int probe = 0; probe < 20; ++probe)
    for (Source& one : crowd) static_cast<void>(one.probes(1s));
  CHECK(checks.named().size() == HealthChecks::kMostNamedOfSite);
  Source monitor(checks, "198.51.100.7");
  CHECK(monitor.withheld(8, 2s) == 5);
  CHECK(monitor.named());
}

TEST_CASE("what costs a whole point and is proven is never a check's", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  Source scanner(checks);
  CHECK(scanner.withheld(9, 2s) == 6);
  CHECK(scanner.named());
  const Probe proven{
      .network = scanner.network(), .address = {}, .rule = kRule, .weak = false, .proven = true};
  CHECK_FALSE(checks.take(proven, at(2h)));
  CHECK_FALSE(scanner.named());
}

TEST_CASE("100 000 sources that look like checks are bounded and counted", "[judge][health][hostile]") {
  HealthChecks checks(kSeed);
  for (int probe = 0; probe < 10; ++probe)
    for (std::uint32_t i = 0; i < 100'000; ++i) {
      const Address address = Address::v4(0x01000000 + i);
      static_cast<void>(checks.take({.network = Prefix(address, 32), .address = address, .rule = kRule},
                                    at(1h + 2s * probe)));
    }
  CHECK(checks.size() <= HealthChecks::kMostFresh + HealthChecks::kMostRegular + HealthChecks::kMostNamed);
  CHECK(checks.named().size() <= HealthChecks::kMostNamed);
  CHECK(checks.counters().evicted >= 900'000);
}

TEST_CASE("a named check outlives a restart, whenever it comes next", "[judge][health][saved]") {
  HealthChecks checks(kSeed);
  checks.begin();
  Source monitor(checks), other(checks, "203.0.113.51");
  CHECK(monitor.withheld(9, 2s) == 6);
  CHECK(other.withheld(9, 2s) == 6);
  checks.end(other.network());
  StateBatch batch;
  checks.save_changes(batch);
  CHECK(batch.records.size() == 1);

  HealthChecks again(kSeed);
  again.begin();
  again.load(batch.records, {0, 1, 2, RuleId{7}});
  REQUIRE(again.named().size() == 1);
  CHECK(again.named().front().rule == 7);
  CHECK(again.named().front().address.to_string() == "203.0.113.50");
  Source back(again);
  CHECK(back.probes(13s, 7));
  for (int i = 0; i < 20; ++i) CHECK(back.probes(2s, 7));
  // Of a rule that is gone, and of bytes that are none of ours, nothing comes.
  HealthChecks without(kSeed);
  without.load(batch.records, {0, 1, 2, std::nullopt});
  CHECK(without.named().empty());
  batch.records.front().value = std::string("x");
  without.load(batch.records, {0, 1, 2, RuleId{7}});
  CHECK(without.named().empty());
}

TEST_CASE("rules that have other numbers are still the same check's", "[judge][health]") {
  HealthChecks checks(kSeed);
  Source monitor(checks);
  CHECK(monitor.withheld(9, 2s) == 6);
  checks.renumber({0, 1, 2, RuleId{kOther}, RuleId{kRule}});
  CHECK(monitor.probes(2s, kOther));
  checks.renumber({});
  CHECK_FALSE(monitor.named());
}
