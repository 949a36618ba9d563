// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/admin_visitors.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "detect/testimony.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr HashSeed kSeed{1, 2};
constexpr RuleId kLogon = 0, kInput = 1, kRequest = 2, kReset = 3;
constexpr std::uint16_t kPort = 8443;

RuleSet make_rules() {
  const auto rule = [](const char* name, Witnessed witnessed, std::int32_t milli, const char* misdeed) {
    Rule made;
    made.name = name;
    made.trait.points = {milli};
    made.witnessed = witnessed;
    made.misdeed = misdeed;
    made.begins = {made.name};
    made.pattern = made.name + (witnessed == Witnessed::admin ? "" : " {client}");
    return made;
  };
  RuleBook book;
  book.rules = {rule("logon", Witnessed::admin, 300, "logon"), rule("input", Witnessed::admin, 300, "logon"),
                rule("request", Witnessed::admin, 30, ""), rule("reset", Witnessed::exactly, 1000, "")};
  return RuleSet::create(book).value();
}

const Endpoint kGuesser{*Address::parse("203.0.113.5"), 40'551};
const Endpoint kSecond{*Address::parse("2001:db8:bad::5"), 40'552};
const Endpoint kAdministrator{*Address::parse("192.0.2.99"), 1234};

constexpr std::uint64_t kAnswer = 839, kGuess = 200;

// As it is after so many guesses and answers.
Connection connection(const Endpoint& client, std::uint64_t guesses, std::uint16_t port = kPort) {
  return {.local = {*Address::parse("198.51.100.10"), port},
          .client = client,
          .state = Connection::State::living,
          .counted = true,
          .received_bytes = 500 + guesses * kGuess,
          .acked_bytes = 1500 + guesses * kAnswer};
}
Connection closed(Connection which) {
  which.state = Connection::State::closed;
  return which;
}
// As the kernel tells of one that coturn ended.
Connection vague_end(const Endpoint& client) {
  Connection end;
  end.local = {*Address::parse("198.51.100.10"), kPort};
  end.client = {client.address, 0};
  return end;
}

class Desk {
 public:
  explicit Desk(bool sure = true) : testimony(kSeed) {
    testimony.set_admin_ports({{kPort, kPort}, {5766, 5766}});
    testimony.set_web_admin_ports({{kPort, kPort}});
    testimony.set_witness(true, sure, now());
    look({});
    look({});
    charged.clear();
  }
  [[nodiscard]] Now now() const { return {std::chrono::steady_clock::time_point(time_), {}}; }
  void say(RuleId rule, std::uint32_t count = 1, Evidence evidence = Evidence::claimed, std::uint32_t log = 0,
           bool fresh = true) {
    Event event;
    event.rule = rule;
    event.points = rules.trait(rule).points;
    event.evidence = evidence;
    event.count = count;
    event.log = log;
    event.fresh = fresh;
    take(event);
  }
  void take(const Event& event) {
    std::vector<Settled> settled;
    testimony.take(event, rules, now(), settled);
    note(settled);
  }
  void see(const Connection& seen) {
    std::vector<Settled> settled;
    testimony.take(seen, rules, now(), settled);
    note(settled);
  }
  // Two seconds later the witness looks, and everything that it heard is judged.
  void look(const std::vector<Connection>& living, bool hear = true) {
    time_ += 2s;
    const Now begun = now();
    for (const Connection& each : living) see(each);
    time_ += 5ms;
    std::vector<Settled> settled;
    testimony.sampled(begun, rules, now(), settled);
    note(settled);
    time_ += 1s;
    if (hear) hear_all();
  }
  void hear_all() {
    std::vector<Settled> settled;
    testimony.heard(now());
    testimony.tick(rules, now(), settled);
    note(settled);
  }
  [[nodiscard]] std::uint32_t of(const Endpoint& client, RuleId rule = kLogon) {
    return charged[{client.address.to_string(), rule}];
  }
  [[nodiscard]] std::uint32_t of_nobody(RuleId rule = kLogon) { return charged[{"", rule}]; }

  RuleSet rules = make_rules();
  Testimony testimony;
  std::map<std::pair<std::string, RuleId>, std::uint32_t> charged;
  std::uint32_t contested = 0;

 private:
  void note(const std::vector<Settled>& settled) {
    for (const Settled& each : settled) {
      const Event& event = each.event;
      if (rules.rule(event.rule).witnessed != Witnessed::admin) continue;
      if (event.client) CHECK(event.evidence == Evidence::proven);
      charged[{event.client ? event.client->address.to_string() : "", event.rule}] += event.count;
      if (each.contested) contested += event.count;
    }
  }
  std::chrono::steady_clock::duration time_ = 1000s;
};

}  // namespace

TEST_CASE("guesses over one connection that stays are charged to who alone is there",
          "[detect][admin-visitors]") {
  Desk desk;
  SECTION("in one interval") {
    desk.say(kLogon, 500);
    desk.look({connection(kGuesser, 500)});
    CHECK(desk.of(kGuesser) == 500);
  }
  SECTION("in several") {
    for (std::uint64_t guesses = 100; guesses <= 500; guesses += 100) {
      for (int i = 0; i < 100; ++i) desk.say(kLogon);
      desk.look({connection(kGuesser, guesses)});
    }
    CHECK(desk.of(kGuesser) == 500);
  }
  SECTION("it ended before the witness looked") {
    desk.say(kLogon, 500);
    SECTION("by a reset") {
      desk.see(closed(connection(kGuesser, 500)));
    }
    SECTION("in the normal way") {
      desk.see(vague_end(kGuesser));
    }
    desk.look({});
    CHECK(desk.of(kGuesser) == 500);
  }
  SECTION("beside an administrator whose page is open and idle") {
    desk.look({connection(kAdministrator, 10)});
    desk.look({connection(kAdministrator, 10)});
    desk.look({connection(kAdministrator, 10)});
    desk.say(kLogon, 500);
    desk.look({connection(kAdministrator, 10), connection(kGuesser, 500)});
    CHECK(desk.of(kGuesser) == 500);
  }
  CHECK(desk.of_nobody() == 0);
  CHECK(desk.of(kAdministrator) == 0);
}

TEST_CASE("what two say of one request is charged once, and other requests apart",
          "[detect][admin-visitors]") {
  Desk desk;
  desk.say(kInput, 40);
  desk.say(kLogon, 30);
  desk.say(kRequest, 5);
  desk.look({connection(kGuesser, 60)});
  CHECK(desk.of(kGuesser, kInput) == 40);
  CHECK(desk.of(kGuesser, kLogon) == 0);
  CHECK(desk.of(kGuesser, kRequest) == 5);
  CHECK(desk.of_nobody() + desk.of_nobody(kInput) + desk.of_nobody(kRequest) == 0);
}

TEST_CASE("an administrator who clicks while another guesses is charged with nothing",
          "[detect][admin-visitors]") {
  Desk desk;
  desk.look({connection(kAdministrator, 10)});
  std::uint64_t guesses = 0;
  for (int seconds = 0; seconds < 60; ++seconds) {
    guesses += 40;
    desk.say(kLogon, 40);
    Connection guesser = connection(kGuesser, guesses);
    SECTION("who keeps its acknowledgements back") {
      guesser.acked_bytes = 0;
    }
    SECTION("who lets them through") {}
    SECTION("who is brief") {
      desk.see(seconds % 2 == 0 ? vague_end(kGuesser) : closed(guesser));
      desk.look({connection(kAdministrator, static_cast<std::uint64_t>(11 + seconds))});
      continue;
    }
    desk.look({connection(kAdministrator, static_cast<std::uint64_t>(11 + seconds)), guesser});
  }
  CHECK(desk.of(kAdministrator) == 0);
  CHECK(desk.of(kGuesser) + desk.of_nobody() == 60 * 40);
}

TEST_CASE("who guesses much more than another says is charged with what must be its own",
          "[detect][admin-visitors]") {
  Desk desk;
  desk.say(kLogon, 500);
  desk.look({connection(kAdministrator, 1), connection(kGuesser, 500)});
  CHECK(desk.of(kGuesser) > 450);
  CHECK(desk.of(kAdministrator) == 0);
  CHECK(desk.contested == desk.of_nobody());
}

TEST_CASE("guesses of two who are as busy are charged to neither, and told as contested",
          "[detect][admin-visitors]") {
  Desk desk;
  desk.say(kLogon, 200);
  desk.look({connection(kSecond, 100), connection(kGuesser, 100)});
  CHECK(desk.of(kGuesser) + desk.of(kSecond) == 0);
  CHECK(desk.of_nobody() == 200);
  CHECK(desk.contested == 200);
}

TEST_CASE("no address is charged with more requests than it got answers", "[detect][admin-visitors]") {
  Desk desk;
  desk.say(kLogon, 1000);
  desk.look({connection(kAdministrator, 4)});
  CHECK(desk.of(kAdministrator) <= 10);
  CHECK(desk.of(kAdministrator) + desk.of_nobody() == 1000);
}

TEST_CASE("a request is nobody's where who asked cannot be known", "[detect][admin-visitors]") {
  Desk desk;
  desk.look({connection(kAdministrator, 10)});
  const auto look = [&] { desk.look({connection(kAdministrator, 20)}); };
  SECTION("it may be forged") {
    desk.say(kLogon, 5, Evidence::tainted);
    look();
  }
  SECTION("it is of a backlog") {
    desk.say(kLogon, 5, Evidence::claimed, 0, false);
    look();
  }
  SECTION("it was written long before") {
    Event old;
    old.rule = kLogon;
    old.count = 5;
    old.deed.by = Deed::By::wall;
    old.deed.now = {desk.now().mono - 3s, {}};
    desk.take(old);
    look();
  }
  SECTION("the kernel dropped words") {
    desk.say(kLogon, 5);
    desk.testimony.set_witness(false, false, desk.now());
    desk.testimony.set_witness(true, true, desk.now());
    look();
  }
  SECTION("the witness is gone") {
    desk.say(kLogon, 5);
    desk.testimony.set_witness(false, false, desk.now());
    desk.hear_all();
  }
  SECTION("another coturn writes, whose connections nobody saw") {
    desk.say(kRequest, 1, Evidence::claimed, 0);
    desk.say(kLogon, 5, Evidence::claimed, 7);
    look();
  }
  SECTION("whose port is no web-admin's alone") {
    const std::uint16_t port = GENERATE(std::uint16_t{3478}, std::uint16_t{5766});
    for (int i = 0; i < 2; ++i) desk.look({connection(kAdministrator, 10)});
    desk.say(kLogon, 5);
    desk.look({connection(kAdministrator, 10), connection(kGuesser, 50, port)});
    desk.look({connection(kAdministrator, 10)});
  }
  CHECK(desk.of(kAdministrator) == 0);
  CHECK(desk.of(kGuesser) == 0);
  CHECK(desk.of_nobody() == 5);
}

TEST_CASE("an end that is not told yet keeps its line waiting", "[detect][admin-visitors]") {
  Desk desk;
  desk.say(kLogon, 5);
  desk.look({connection(kAdministrator, 10)}, false);
  desk.see(closed(connection(kGuesser, 5)));
  CHECK(desk.of(kAdministrator) == 0);
  desk.look({connection(kAdministrator, 10)});
  CHECK(desk.of(kAdministrator) == 0);
}

TEST_CASE("an unsure witness charges requests when it confirmed a line of their log",
          "[detect][admin-visitors]") {
  Desk desk(false);
  const Endpoint marker{*Address::parse("198.18.0.2"), 4000};
  desk.say(kLogon, 5);
  desk.look({connection(kGuesser, 5)});
  CHECK(desk.of(kGuesser) == 0);
  Event reset;
  reset.rule = kReset;
  reset.client = marker;
  reset.points = {1000};
  Connection end = closed(connection(marker, 1, 3478));
  end.acked_bytes = 0;
  desk.see(end);
  desk.take(reset);
  desk.say(kLogon, 5);
  desk.look({connection(kGuesser, 10)});
  CHECK(desk.of(kGuesser) == 5);
}

TEST_CASE("too many visitors or lines mean nobody, and hold little", "[detect][admin-visitors]") {
  Desk desk;
  std::vector<Connection> crowd;
  SECTION("visitors") {
    for (std::uint32_t i = 0; i < 6000; ++i)
      crowd.push_back(connection({Address::v4(0x0A000000U + i), 1000}, 5));
    desk.say(kLogon, 100);
    desk.look(crowd);
    CHECK(desk.of_nobody() == 100);
  }
  SECTION("lines") {
    for (std::uint32_t i = 0; i < 6000; ++i) {
      desk.say(kLogon, 1, Evidence::claimed, 0);
      desk.say(kRequest, 1, Evidence::claimed, 0);
    }
    desk.look({connection(kGuesser, 12'000)});
    CHECK(desk.of(kGuesser) == 6000);
  }
  CHECK(desk.testimony.bytes() < std::size_t{4} * 1024 * 1024);
}
