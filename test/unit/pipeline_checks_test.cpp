// SPDX-License-Identifier: GPL-3.0-or-later
// Health checks and private sources as the whole journey judges them.
#include <fmt/format.h>

#include "pipeline.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

class Story {
 public:
  Story()
      : pipeline(Recogniser::create(RuleSet::create(test::shipped_rules()).value(), "").value(), Policy{},
                 {1, 2}, {}) {}

  // "5: : …": so long after coturn's start as it is now.
  int says(std::string line) {
    if (const auto digits = line.find(": : "); digits == 1)
      line.replace(
          0, digits,
          fmt::format("{}", std::chrono::floor<std::chrono::seconds>(now.mono.time_since_epoch()).count()));
    const Line record{.text = line, .stream = 1, .offset = offset_};
    offset_ += line.size() + 1;
    pipeline.take(record, now, outcome);
    // A close line is believed when nothing goes on with it for a second.
    Now later = now;
    later.mono += 1100ms;
    pipeline.tick(later, true, outcome);
    return bans();
  }
  // What a connection leaves that says nothing to the TLS port, in a verbose log.
  int tls_plain(const std::string& client) {
    ++number_;
    return closes("", 5349, client, kByClient);
  }
  int http(const std::string& client) {
    ++number_;
    return closes("", 3478, client, "general");
  }
  int reset(const std::string& client) {
    ++number_;
    return says(fmt::format("5: : ERROR: session {:018}: TCP socket error: Connection reset by peer {}:{}",
                            number_, client, number_));
  }
  int connects(const std::string& client, int times) {
    int found = 0;
    for (int i = 0; i < times; ++i)
      found += says(fmt::format("5: : IPv4. tcp or tls connected to: {}:{}", client, 2000 + i));
    return found;
  }
  int violates_proxy(const std::string& client) {
    ++number_;
    return says(
        fmt::format("5: : ERROR: session {:018}: proxy protocol violated: Resource temporarily unavailable "
                    "(local 10.1.0.5:5555, remote {}:{})",
                    number_, client, number_));
  }
  void logs_in(const std::string& client, const std::string& user) {
    ++number_;
    says(fmt::format(
        "5: : session {:018}: realm <example.org> user <{}>: incoming packet ALLOCATE processed, success",
        number_, user));
    closes(user, 3478, client, kByClient);
  }
  int guesses(const std::string& client, const std::string& user) {
    ++number_;
    int found = says(fmt::format("5: : ERROR: check_stun_auth: user {} credentials are incorrect", user));
    found += says(
        fmt::format("5: : session {:018}: realm <example.org> user <{}>: incoming packet message processed, "
                    "error 401: Unauthorized",
                    number_, user));
    found += closes(user, 3478, client, kByClient);
    waits(2100ms);
    pipeline.tick(now, true, outcome);
    return found + bans();
  }
  void waits(std::chrono::milliseconds time) { now.mono += time; }
  [[nodiscard]] std::size_t told(Notice::Kind kind) const {
    std::size_t count = 0;
    for (const Notice& notice : told_) count += notice.kind == kind ? 1 : 0;
    return count;
  }
  [[nodiscard]] Points in_window(const char* client) const {
    return pipeline.ledger().points(*Prefix::parse(client), now);
  }

  Pipeline pipeline;
  Outcome outcome;
  Now now{std::chrono::steady_clock::time_point(1h), {}};

 private:
  static constexpr const char* kByClient = "TCP connection closed by client (callback)";

  int closes(const std::string& user, int port, const std::string& client, const char* reason) {
    return says(
        fmt::format("5: : session {:018}: closed (2nd stage), user <{}> realm <example.org> origin <>, local "
                    "198.51.100.10:{}, remote {}:{}, reason: {}",
                    number_, user, port, client, number_, reason));
  }
  int bans() {
    const auto found = static_cast<int>(outcome.verdicts.size());
    told_.insert(told_.end(), outcome.reports.begin(), outcome.reports.end());
    outcome.clear();
    return found;
  }

  std::vector<Notice> told_;
  std::uint64_t offset_ = 0;
  int number_ = 1000;
};

constexpr auto kCheck = Notice::Kind::health_check;
constexpr auto kPrivate = Notice::Kind::private_source;
constexpr const char* kMonitor = "203.0.113.50";

}  // namespace

TEST_CASE("a monitor that looks each two seconds is named and never banned", "[pipeline][health]") {
  Story story;
  for (int i = 0; i < 2000; ++i) {
    CHECK(story.tls_plain(kMonitor) == 0);
    story.waits(2s);
  }
  CHECK(story.told(kCheck) == 1);
  CHECK(story.pipeline.health_checks().named().size() == 1);
  CHECK(story.pipeline.counters().health_checks > 1900);
}

TEST_CASE("an irregular scanner that does the same is banned by the fourth try",
          "[pipeline][health][hostile]") {
  Story story;
  int tried = 0, banned = 0;
  for (const auto pause : {1s, 4s, 2s, 7s}) {
    ++tried;
    banned += story.tls_plain(kMonitor);
    if (banned > 0) break;
    story.waits(pause);
  }
  CHECK(banned == 1);
  CHECK(tried == 4);
}

TEST_CASE("three resets stay three resets, however regular", "[pipeline][health][hostile]") {
  Story story;
  CHECK(story.reset(kMonitor) == 0);
  story.waits(2s);
  CHECK(story.reset(kMonitor) == 0);
  story.waits(2s);
  CHECK(story.reset(kMonitor) == 1);
}

TEST_CASE("whatever else a named check does has it banned at once with all its points",
          "[pipeline][health][hostile]") {
  for (int what = 0; what < 3; ++what) {
    Story story;
    for (int i = 0; i < 20; ++i) {
      CHECK(story.tls_plain(kMonitor) == 0);
      story.waits(2s);
    }
    const int banned =
        what == 0   ? story.reset(kMonitor)
        : what == 1 ? story.guesses(kMonitor, "alice")
                    : story.says(fmt::format("3: : IPv4. CLI authentication error: {}:34829", kMonitor));
    CHECK(banned == 1);
    CHECK(story.pipeline.health_checks().named().empty());
  }
}

TEST_CASE("who asks for a relay before it breaks off is no check", "[pipeline][health][hostile]") {
  for (const bool asks : {false, true}) {
    Story story;
    int banned = 0;
    for (int i = 0; i < 20; ++i) {
      if (asks)
        story.says(fmt::format(
            "5: : session {:018}: realm <example.org> user <>: incoming packet message processed, "
            "error 401: Unauthorized",
            5000 + i));
      banned += story.says(fmt::format("5: : ERROR: session {:018}: TCP socket error: Broken pipe {}:{}",
                                       5000 + i, kMonitor, 5000 + i));
      story.waits(2s);
    }
    CHECK((banned > 0) == asks);
    CHECK(story.told(kCheck) == (asks ? 0 : 1));
  }
}

TEST_CASE("guesses at administrators' passwords are no health check, however regular, nor private",
          "[pipeline][health][private][hostile]") {
  for (const char* const client : {kMonitor, "10.1.0.9"})
    for (const char* const words :
         {"IPv4. CLI connected to: ",
          "eventcb_bev https server socket closed: 0x7f2bd0027d90, st=56, sat=3, remote addr="}) {
      Story story;
      int banned = 0;
      for (int i = 0; i < 60; ++i) {
        banned += story.says(fmt::format("5: : {}{}:{}", words, client, 3000 + i));
        story.waits(5s);
      }
      CHECK(banned > 0);
      CHECK(story.told(kCheck) == 0);
    }
}

TEST_CASE("forged challenges in a monitor's name do not end what it is", "[pipeline][health][hostile]") {
  Story story;
  for (int i = 0; i < 40; ++i) {
    CHECK(story.tls_plain(kMonitor) == 0);
    story.waits(1s);
    story.says(fmt::format(
        "5: : session {:018}: realm <example.org> user <>: incoming packet message processed, error "
        "401: Unauthorized",
        6000 + i));
    CHECK(story.says(fmt::format(
              "5: : session {:018}: closed (2nd stage), user <> realm <example.org> origin <>, local "
              "198.51.100.10:3478, remote {}:{}, reason: allocation watchdog determined stale "
              "session state",
              6000 + i, kMonitor, 6000 + i)) == 0);
    story.waits(1s);
  }
  CHECK(story.told(kCheck) == 1);
}

TEST_CASE("a private balancer without its PROXY header is alarmed about and not banned",
          "[pipeline][private]") {
  Story story;
  for (int i = 0; i < 300; ++i) {
    CHECK(story.connects("10.1.0.9", 1) == 0);
    CHECK(story.violates_proxy("10.1.0.9") == 0);
    story.waits(i % 2 == 0 ? 200ms : 1700ms);
  }
  CHECK(story.told(kPrivate) >= 1);
  CHECK(story.told(kPrivate) <= 5);
  CHECK(story.connects("10.1.0.9", 500) == 0);  // all its customers come back at once
  REQUIRE(story.pipeline.private_sources().alarms(story.now).size() == 1);
  CHECK(story.pipeline.private_sources().alarms(story.now).front().network.to_string() == "10.1.0.9/32");
  CHECK(story.in_window("10.1.0.9/32").milli == 0);  // so that one guess more is no ban
}

TEST_CASE("guesses from the host's own address are told at a ban's worth, and it is never banned",
          "[pipeline][private]") {
  Story story;
  story.pipeline.allowlist().set_own({{*Prefix::parse("198.51.100.10"), "own address", true},
                                      {*Prefix::parse("198.51.100.1"), "default gateway"}});
  for (int i = 0; i < 3; ++i) CHECK(story.guesses("198.51.100.10", "alice") == 0);
  CHECK(story.told(Notice::Kind::own_address) == 0);
  for (int i = 0; i < 40; ++i) {
    CHECK(story.guesses("198.51.100.10", "alice") == 0);
    CHECK(story.guesses("198.51.100.1", "alice") == 0);  // a gateway's are others'
    CHECK(story.reset("198.51.100.10") == 0);            // a monitor of the host's
  }
  CHECK(story.told(Notice::Kind::own_address) >= 1);
  CHECK(story.told(Notice::Kind::own_address) <= 6);
}

TEST_CASE("a public balancer gets no leniency, nor a private flood of which nobody was told",
          "[pipeline][private]") {
  Story story;
  int banned = 0;
  for (int i = 0; i < 3; ++i) banned += story.violates_proxy("203.0.113.9");
  CHECK(banned == 1);
  CHECK(story.connects("10.1.0.10", 200) == 1);
}

TEST_CASE("a private scanner is not banned for weak offences, and the operator hears of it",
          "[pipeline][private]") {
  for (const char* const client : {"10.1.0.9", "172.16.4.4", "192.168.7.7", "169.254.1.1"}) {
    Story story;
    int banned = 0;
    for (int i = 0; i < 30; ++i) {
      banned += story.reset(client) + story.http(client);
      story.waits(i % 3 * 700ms);
    }
    CHECK(banned == 0);
    CHECK(story.told(kPrivate) >= 1);
  }
  for (const char* const client : {"172.32.0.1", "192.169.0.1", "11.0.0.1", "100.64.0.1"}) {
    Story story;
    CHECK(story.reset(client) + story.reset(client) + story.reset(client) == 1);
  }
}

TEST_CASE("a private source that guesses alone is banned as anybody", "[pipeline][private][hostile]") {
  Story story;
  int tried = 0, banned = 0;
  while (banned == 0 && tried < 50) {
    ++tried;
    banned = story.guesses("10.1.0.9", "alice");
  }
  CHECK(tried == 5);
}

TEST_CASE("behind a private address where others logged in a guesser is told of before anything is banned",
          "[pipeline][private][hostile]") {
  for (const int users : {1, 4, 40}) {
    Story story;
    for (int i = 0; i < users; ++i) story.logs_in("10.1.0.9", fmt::format("user{}", i));
    int tried = 0, banned = 0, told_at = 0;
    while (banned == 0 && tried < 20'000) {
      ++tried;
      banned = story.guesses("10.1.0.9", "alice");
      if (told_at == 0 && story.told(kPrivate) > 0) told_at = tried;
    }
    CHECK(banned == 1);  // it is not immune without end
    CHECK(told_at == 5);
    CHECK(tried > 20);
    CHECK(tried <= 100 * (users + 1));
  }
}

TEST_CASE("strong rules measure a private address by its users", "[pipeline][private]") {
  for (const int users : {2, 4, 12}) {
    Story story;
    for (int i = 0; i < users; ++i) story.logs_in("10.1.0.9", fmt::format("user{}", i));
    int tried = 0, banned = 0;
    while (banned == 0 && tried < 1000) {
      ++tried;
      banned = story.says("3: : IPv4. CLI authentication error: 10.1.0.9:34829");
    }
    CHECK(banned == 1);
    CHECK(tried * 2 >= 3 * (users + 1));  // alone it is the second
    CHECK(story.told(kPrivate) >= 1);
  }
}
