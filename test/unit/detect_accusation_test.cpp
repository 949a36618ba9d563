// SPDX-License-Identifier: GPL-3.0-or-later
// Refusals of coturn up to 4.6.2, whose error line names no session: who is charged when packets are forged
// meanwhile (detect/announcements, detect/shared_accusations, detect/attribution).
#include <fmt/format.h>

#include <map>
#include <string>

#include "detect/attribution.hpp"
#include "detect/recogniser.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

// Sessions by their threads.
constexpr std::uint64_t kThread = 1'000'000'000'000'000;
constexpr std::uint64_t kGuessing = 1 * kThread + 5, kSecond = 2 * kThread + 6, kForged = 2 * kThread + 9;
const std::string kGuesser = "203.0.113.7", kVictim = "192.0.2.99";
const std::string kUdp = "allocation watchdog determined stale session state";
const std::string kTcp = "TCP connection closed by client (callback)";

// Recogniser and attribution, with what was charged to whom.
struct World {
  Recogniser recogniser = make_recogniser();
  Attribution attribution{HashSeed{1, 2}};
  std::uint64_t offset = 0;
  std::uint32_t log = 0;
  std::chrono::milliseconds time = 0s;
  std::map<std::string, std::uint32_t> guesses;  // by address

  Now now() const {
    return {std::chrono::steady_clock::time_point(1h + time), std::chrono::system_clock::time_point(time)};
  }
  void line(const std::string& text) {
    std::vector<Event> events;
    // As the journal has them: no line waits for those behind it.
    recogniser.take({.text = text, .stream = log + 1, .offset = offset, .log = log, .whole = true}, now(),
                    events);
    offset += text.size() + 1;
    settle(events);
  }
  void settle(const std::vector<Event>& events) {
    std::vector<Accusation> accusations;
    recogniser.take_accusations(accusations);
    std::vector<Attributed> charged;
    for (const Accusation& accusation : accusations)
      attribution.take(accusation, recogniser.rules(), now(), charged);
    for (const Event& event : events) attribution.take(event, recogniser.rules(), now(), charged);
    attribution.take_decided(recogniser.rules(), charged);
    for (const Attributed& one : charged)
      if (!one.login && recogniser.rules().name(one.event.rule) == "password-guess")
        guesses[one.event.client->address.to_string()] += one.event.count;
  }
  // Time goes by and there is nothing to read.
  void wait(std::chrono::seconds duration) {
    for (const auto end = time + duration; time < end;) {
      time += 1s;
      std::vector<Event> events;
      recogniser.tick(now(), events);
      settle(events);
      attribution.tick(now());
      settle({});
    }
  }
  void error(const std::string& user = "alice") {
    line("7: : ERROR: check_stun_auth: user " + user + " credentials are incorrect");
  }
  void unknown(const std::string& user) {
    line("7: : ERROR: check_stun_auth: Cannot find credentials of user <" + user + ">");
  }
  void refusal(std::uint64_t session, const std::string& user = "alice") {
    line(
        fmt::format("7: : session {:018}: realm <example.org> user <{}>: incoming packet message processed, "
                    "error 401: Unauthorized",
                    session, user));
  }
  void challenge(std::uint64_t session) { refusal(session, ""); }
  void login(std::uint64_t session) {
    line(
        fmt::format("7: : session {:018}: realm <example.org> user <alice>: incoming packet ALLOCATE "
                    "processed, success",
                    session));
  }
  void close(std::uint64_t session, const std::string& address, const std::string& reason = kUdp) {
    line(
        fmt::format("7: : session {:018}: closed (2nd stage), user <alice> realm <example.org> origin <>, "
                    "local 198.51.100.10:3478, remote {}:4000, reason: {}",
                    session, address, reason));
  }
  std::uint64_t lost() const { return attribution.counters().ambiguous; }
};

}  // namespace

TEST_CASE("who guesses alone is charged with each guess", "[detect][accusation]") {
  World world;
  for (int i = 0; i < 7; ++i) {
    world.error();
    world.refusal(kGuessing);
  }
  world.wait(5s);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 7}});
  CHECK(world.lost() == 0);
}

TEST_CASE("a guess over TCP is charged with the very line that ends the connection", "[detect][accusation]") {
  World world;
  for (std::uint64_t i = 0; i < 3; ++i) {
    world.error();
    world.refusal(kGuessing + i);
    world.close(kGuessing + i, kGuesser, kTcp);
    CHECK(world.guesses[kGuesser] == i + 1);
  }
}

// A trial that only time or further guesses ended would go on until other sessions have pushed out its own.
TEST_CASE("a flood of sessions behind a guess hides it not, however fast it comes", "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kGuessing);
  for (std::uint64_t i = 0; i < Attribution::kMaxSessions + 1000; ++i) world.challenge(kForged + i);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses[kGuesser] == 1);
  CHECK(world.attribution.counters().evicted >= 1000);
}

TEST_CASE("a session that ends before it is clear whose the guess was is charged afterwards",
          "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kGuessing);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses.empty());
  world.wait(3s);
  CHECK(world.guesses[kGuesser] == 1);
}

TEST_CASE("a forged packet that is refused in between charges nobody else", "[detect][accusation]") {
  World world;
  const bool first = GENERATE(true, false);
  for (int i = 0; i < 100; ++i) {
    world.unknown("alice");
    if (first) world.refusal(kForged);
    world.refusal(kGuessing);
    if (!first) world.refusal(kForged);
  }
  world.wait(5s);
  world.close(kForged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses.empty());
  CHECK(world.lost() == 100);
}

TEST_CASE("a forged session that never ends charges nobody, too", "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kForged);
  world.refusal(kGuessing);
  world.close(kGuessing, kGuesser);
  world.wait(200s);
  CHECK(world.guesses.empty());
  CHECK(world.lost() == 1);
}

TEST_CASE("who forges less than it guesses is charged with the rest", "[detect][accusation]") {
  World world;
  for (int i = 0; i < 10; ++i) {
    world.error();
    world.refusal(kGuessing);
  }
  world.refusal(kForged);  // may be about any of the ten, but about one only
  world.wait(5s);
  world.close(kForged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 9}});
  CHECK(world.lost() == 1);
}

TEST_CASE("forged packets in the guesser's own thread cover nothing", "[detect][accusation]") {
  World world;
  const std::uint64_t forged = kGuessing + 4;
  for (int i = 0; i < 10; ++i) {
    world.refusal(forged);
    world.error();
    world.refusal(kGuessing);
    world.refusal(forged);
  }
  world.wait(5s);
  world.close(forged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 10}});
}

TEST_CASE("a thread that wrote something else since is not meant", "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kGuessing);
  world.challenge(kForged + 1);
  world.refusal(kForged);
  world.wait(5s);
  world.close(kForged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 1}});
}

TEST_CASE("no forged packet covers who guesses over TCP", "[detect][accusation]") {
  World world;
  const bool long_connection = GENERATE(true, false);
  for (int i = 0; i < 10; ++i) {
    world.error();
    world.refusal(kForged);
    world.refusal(kGuessing);
  }
  if (long_connection) world.wait(10s);
  world.close(kGuessing, kGuesser, kTcp);
  world.wait(5s);
  world.close(kForged, kVictim);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 10}});
  CHECK(world.lost() == 0);
}

TEST_CASE("a user name does not make a connection of a datagram", "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kForged);
  world.refusal(kGuessing);
  world.line(
      fmt::format("67: : session {:018}: closed (2nd stage), user <a,reason:TCP> realm <example.org> "
                  "origin <>, local 198.51.100.10:3478, remote {}:4000, reason: {}",
                  kForged, kVictim, kUdp));
  world.wait(5s);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses.empty());
}

TEST_CASE("two who guess at once are charged with their own", "[detect][accusation]") {
  World world;
  for (int i = 0; i < 10; ++i) {
    world.error();
    world.error();
    world.refusal(kSecond);
    world.refusal(kGuessing);
  }
  world.wait(5s);
  world.close(kSecond, "203.0.113.8");
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 10}, {"203.0.113.8", 10}});
}

TEST_CASE("many sessions of one guesser that may all be meant are charged once", "[detect][accusation]") {
  World world;
  for (int i = 0; i < 10; ++i) {
    world.error();
    world.refusal(kSecond);
    world.refusal(kGuessing);
  }
  world.wait(5s);
  world.close(kSecond, kGuesser);
  CHECK(world.guesses.empty());
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 10}});
  CHECK(world.lost() == 0);
}

TEST_CASE("users are told apart", "[detect][accusation]") {
  World world;
  world.error("alice");
  world.refusal(kForged, "bob");
  world.refusal(kGuessing, "alice");
  world.wait(5s);
  world.close(kForged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{kGuesser, 1}});
}

TEST_CASE("where something was not shown nobody is charged by number, and a connection is all the same",
          "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kGuessing);
  world.error();
  world.refusal(kSecond);
  world.offset += 5000;  // perhaps a refusal stood there
  world.refusal(kForged);
  world.wait(5s);
  world.close(kSecond, "203.0.113.8", kTcp);
  world.close(kForged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses == std::map<std::string, std::uint32_t>{{"203.0.113.8", 1}});
}

TEST_CASE("a session that had logged in is not accused", "[detect][accusation]") {
  World world;
  world.login(kForged);
  world.error();
  world.refusal(kForged);
  world.refusal(kGuessing);
  world.wait(5s);
  world.close(kForged, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses.empty());
  CHECK(world.lost() == 1);
}

TEST_CASE("a trial without an end ends, and what is clear by then is charged", "[detect][accusation]") {
  World world;
  // Three threads whose intervals overlap for ever.
  for (int i = 0; i < 60'000; ++i) {
    world.error();
    world.refusal(kGuessing);
    if (i % 40 == 0) world.refusal(kForged);
    if (i % 40 == 20) world.refusal(kForged + kThread);
  }
  world.wait(5s);
  world.close(kForged, kVictim);
  world.close(kForged + kThread, kVictim);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses[kVictim] == 0);
  CHECK(world.guesses[kGuesser] > 30'000);
  CHECK(world.guesses[kGuesser] + world.lost() == 60'000);
}

TEST_CASE("rules that are loaded anew lose what is not decided, and tell so", "[detect][accusation]") {
  World world;
  world.error();
  world.refusal(kGuessing);
  world.attribution.rules_changed(world.recogniser.rules(), make_recogniser().rules());
  world.recogniser.set_rules(RuleSet::create(shipped_rules()).value());
  world.wait(5s);
  world.close(kGuessing, kGuesser);
  CHECK(world.guesses.empty());
  CHECK(world.lost() == 1);
}

TEST_CASE("after a restart what was on trial comes again, what waited for names is nobody's",
          "[detect][accusation][saved]") {
  const auto places = [](const World& world) {
    std::vector<LinePlace> lines;
    world.recogniser.waiting(lines);
    return lines.size();
  };
  World world;
  world.attribution.begin(world.now().mono);
  world.error();
  world.refusal(kForged);
  world.refusal(kGuessing);
  CHECK(places(world) == 2);  // read again by who begins now
  world.wait(3s);
  CHECK(places(world) == 0);
  StateBatch batch;
  world.attribution.save_changes(batch);

  World after;
  after.attribution.begin(after.now().mono);
  std::vector<std::optional<RuleId>> numbers;
  for (std::size_t id = 0; id < after.recogniser.rules().rules().size(); ++id)
    numbers.emplace_back(static_cast<RuleId>(id));
  after.time = 4s;
  after.attribution.load(batch.records, numbers, after.now());
  after.close(kForged, kVictim);
  for (int i = 0; i < 5; ++i) {
    after.error();
    after.refusal(kGuessing);
  }
  after.wait(3s);
  after.close(kGuessing, kGuesser);
  CHECK(after.guesses[kVictim] == 0);
  CHECK(after.guesses[kGuesser] == 5);
}
