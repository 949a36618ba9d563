// SPDX-License-Identifier: GPL-3.0-or-later
#include "pipeline.hpp"

#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

// One log, written record by record: offsets go on as in a file.
class Story {
 public:
  explicit Story(RuleBook book = test::shipped_rules(), Allowlist allowlist = {})
      : pipeline(Recogniser::create(RuleSet::create(std::move(book)).value(), "").value(),
                 Ledger(Policy{}, {1, 2}), std::move(allowlist)) {}

  std::optional<Verdict> says(const std::string& line) {
    const Line record{line, 1, offset_};
    offset_ += line.size() + 1;
    return pipeline.take(record, now);
  }
  std::optional<Verdict> reset(const std::string& client) {
    return says("5: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer " +
                client);
  }

  Pipeline pipeline;
  Now now{std::chrono::steady_clock::time_point(std::chrono::hours(1)), {}};

 private:
  std::uint64_t offset_ = 0;
};

}  // namespace

TEST_CASE("the third reset within the hour is a ban of a minute", "[pipeline]") {
  Story story;
  CHECK_FALSE(story.reset("203.0.113.5:1001"));
  story.now.mono += std::chrono::minutes(29);
  CHECK_FALSE(story.reset("203.0.113.5:1002"));
  story.now.mono += std::chrono::minutes(29);
  const auto verdict = story.reset("203.0.113.5:1003");
  REQUIRE(verdict);
  CHECK(verdict->prefix.to_string() == "203.0.113.5/32");
  CHECK(verdict->duration == std::chrono::minutes(1));
  CHECK(story.pipeline.recogniser().rules().name(verdict->rule) == "connection-reset");
  CHECK(story.pipeline.counters().offences.at({"connection-reset", Evidence::claimed}) == 3);
}

TEST_CASE("what lies further apart than the window is no ban", "[pipeline]") {
  Story story;
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(story.reset("203.0.113.5:1001"));
    story.now.mono += std::chrono::minutes(31);
  }
}

TEST_CASE("IPv6 neighbours in a /64 are one offender", "[pipeline]") {
  Story story;
  CHECK_FALSE(story.reset("[2001:db8:bad::1]:1"));
  CHECK_FALSE(story.reset("[2001:db8:bad::2]:1"));
  const auto verdict = story.reset("[2001:db8:bad::3]:1");
  REQUIRE(verdict);
  CHECK(verdict->prefix.to_string() == "2001:db8:bad::/64");
}

TEST_CASE("a line of syslog's that stands for many counts as many", "[pipeline]") {
  Story story;
  const auto verdict = story.says(
      "Nov 22 12:15:38 turn turnserver[811]: message repeated 3 times: [ 31: : ERROR: session "
      "000000000000000113: TCP socket "
      "error: Connection reset by peer 203.0.113.5:45881]");
  REQUIRE(verdict);
  CHECK(story.pipeline.counters().offences.at({"connection-reset", Evidence::claimed}) == 3);
}

TEST_CASE("who is spared is counted and never judged", "[pipeline]") {
  Allowlist allowlist;
  allowlist.set_ignored({*Prefix::parse("203.0.113.0/24")});
  Story story(test::shipped_rules(), std::move(allowlist));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(story.reset("203.0.113.5:1001"));
  for (int i = 0; i < 10; ++i) CHECK_FALSE(story.reset("127.0.0.1:1001"));
  CHECK(story.pipeline.counters().spared == 20);
}

TEST_CASE("an attacker in our own /64 is banned alone", "[pipeline]") {
  Allowlist allowlist;
  allowlist.set_own({{*Prefix::parse("2001:db8:bad::10"), "own address"}});
  Story story(test::shipped_rules(), std::move(allowlist));
  for (int i = 0; i < 2; ++i) CHECK_FALSE(story.reset("[2001:db8:bad::66]:1"));
  CHECK_FALSE(story.reset("[2001:db8:bad::67]:1"));  // a neighbour is another one there
  CHECK_FALSE(story.reset("[2001:db8:bad::10]:1"));
  const auto verdict = story.reset("[2001:db8:bad::66]:1");
  REQUIRE(verdict);
  CHECK(verdict->prefix.to_string() == "2001:db8:bad::66/128");
  CHECK(story.pipeline.counters().spared == 1);
}

TEST_CASE("a forged line bans nobody, whoever it names", "[pipeline][hostile]") {
  Story story;
  for (int i = 0; i < 10; ++i) {
    CHECK_FALSE(story.says("33: : ERROR: check_stun_auth: wrong username: x"));
    CHECK_FALSE(story.reset("192.0.2.99:1234"));
  }
  CHECK(story.pipeline.counters().offences.at({"connection-reset", Evidence::tainted}) == 10);
}

TEST_CASE("a rule with 0 points is off, and new rules keep what was counted", "[pipeline]") {
  Story story;
  CHECK_FALSE(story.reset("203.0.113.5:1"));
  RuleBook milder = test::shipped_rules();
  for (auto& rule : milder.rules) rule.trait.points = {0};
  milder.rules.erase(milder.rules.begin() + 1);  // the numbers of all that follow move
  story.pipeline.set_rules(RuleSet::create(std::move(milder)).value());
  for (int i = 0; i < 10; ++i) CHECK_FALSE(story.reset("203.0.113.5:1"));
  const auto counters = story.pipeline.counters();
  CHECK(counters.offences.at({"connection-reset", Evidence::claimed}) == 11);
  CHECK(counters.switched_off == 10);
}
