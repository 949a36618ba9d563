// SPDX-License-Identifier: GPL-3.0-or-later
#include "pipeline.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "detect/announcements.hpp"
#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

// One log, written record by record: offsets go on as in a file.
class Story {
 public:
  explicit Story(RuleBook book = test::shipped_rules(), Allowlist allowlist = {})
      : pipeline(Recogniser::create(RuleSet::create(std::move(book)).value(), "").value(), Policy{}, {1, 2},
                 std::move(allowlist)) {}

  std::optional<Verdict> says(const std::string& line) {
    const Line record{.text = line, .stream = 1, .offset = offset_};
    offset_ += line.size() + 1;
    pipeline.take(record, now, outcome);
    return verdict();
  }
  std::optional<Verdict> ticks(std::chrono::milliseconds after = std::chrono::seconds(1)) {
    now.mono += after;
    pipeline.heard(now);
    pipeline.tick(now, true, outcome);
    return verdict();
  }
  std::optional<Verdict> ends(const char* client, std::uint64_t received, std::uint64_t acked) {
    pipeline.take(Connection{.local = *Endpoint::parse("198.51.100.10:3478"),
                             .client = *Endpoint::parse(client),
                             .counted = true,
                             .received_bytes = received,
                             .acked_bytes = acked},
                  now, outcome);
    return verdict();
  }
  std::optional<Verdict> reset(const std::string& client) {
    return says("5: : ERROR: session 000000000000000001: TCP socket error: Connection reset by peer " +
                client);
  }

  Pipeline pipeline;
  Outcome outcome;
  std::size_t reports = 0;  // of all calls
  Now now{std::chrono::steady_clock::time_point(std::chrono::hours(1)), {}};

 private:
  // The one verdict of the last call.
  std::optional<Verdict> verdict() {
    REQUIRE(outcome.verdicts.size() <= 1);
    const auto found = outcome.verdicts.empty() ? std::nullopt : std::optional(outcome.verdicts.front());
    reports += outcome.reports.size();
    outcome.clear();
    return found;
  }

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
  for (auto& rule : milder.rules) rule.off = true;
  milder.rules.erase(milder.rules.begin() + 1);  // the numbers of all that follow move
  story.pipeline.set_rules(RuleSet::create(std::move(milder)).value());
  for (int i = 0; i < 10; ++i) CHECK_FALSE(story.reset("203.0.113.5:1"));
  const auto counters = story.pipeline.counters();
  CHECK(counters.offences.at({"connection-reset", Evidence::claimed}) == 11);
  CHECK(counters.switched_off == 10);
}

TEST_CASE("what waits for its session's client is still charged after the rules were loaded anew",
          "[pipeline]") {
  Story story;
  const std::string time = "2026-11-22T12:05:42.524+0000 INFO session 001000000000000026: ";
  for (int i = 0; i < 5; ++i) {
    story.says(time + "check_stun_auth: user alice credentials are incorrect");
    story.says(time + "realm <r> user <alice>: incoming packet message processed, error 401: Unauthorized");
  }
  RuleBook fewer = test::shipped_rules();
  fewer.rules.erase(fewer.rules.begin(), fewer.rules.begin() + 10);
  story.pipeline.set_rules(RuleSet::create(std::move(fewer)).value());
  const auto verdict =
      story.says(time +
                 "closed (2nd stage), user <alice> realm <r> origin <>, local 198.51.100.10:3478, remote "
                 "203.0.113.5:1, reason: allocation watchdog determined stale session state");
  REQUIRE(verdict);
  CHECK(story.pipeline.rules().name(verdict->rule) == "password-guess");
}

namespace {

std::string session(int number) {
  return fmt::format("session {:018}", number);
}

// The two lines of coturn 4.6.1 about a failed login.
std::optional<Verdict> fails(Story& story, int number, std::string_view user) {
  CHECK_FALSE(
      story.says(fmt::format("7: : ERROR: check_stun_auth: user {} credentials are incorrect", user)));
  return story.says(fmt::format(
      "7: : {}: realm <example.org> user <{}>: incoming packet message processed, error 401: Unauthorized",
      session(number), user));
}

// Failed logins over UDP as coturn 4.6.1 tells of them with `verbose`, and the end of their session.
std::optional<Verdict> guesses(Story& story, int number, const char* client, const char* user,
                               int times = 1) {
  for (int i = 0; i < times; ++i) CHECK_FALSE(fails(story, number, user));
  auto verdict =
      story.says(fmt::format("7: : {}: closed (2nd stage), user <{}> realm <example.org> origin <>, local "
                             "198.51.100.10:3478, remote {}, "
                             "reason: allocation watchdog determined stale session state",
                             session(number), user, client));
  // A close line is believed when nothing of it follows, and whose a guess was is known when no other thread
  // of coturn's can come with another line that fits.
  if (auto later = story.ticks(Announcements::kPatience + std::chrono::seconds(1))) verdict = later;
  return verdict;
}

std::optional<Verdict> logs_in(Story& story, int number, const char* client, const std::string& user) {
  CHECK_FALSE(story.says(
      fmt::format("7: : {}: realm <example.org> user <{}>: incoming packet ALLOCATE processed, success",
                  session(number), user)));
  CHECK_FALSE(story.says(fmt::format("8: : {}: TCP socket closed remotely {}", session(number), client)));
  return std::nullopt;
}

}  // namespace

TEST_CASE("five wrong passwords are a ban, on one session or on many", "[pipeline]") {
  Story one;
  CHECK(guesses(one, 1, "203.0.113.6:1001", "alice", 5));
  Story many;
  for (int i = 1; i < 5; ++i) CHECK_FALSE(guesses(many, i, "203.0.113.7:1001", "alice"));
  const auto verdict = guesses(many, 5, "203.0.113.7:1002", "alice");
  REQUIRE(verdict);
  CHECK(verdict->address.to_string() == "203.0.113.7");
  CHECK(many.pipeline.rules().name(verdict->rule) == "password-guess");
  CHECK(verdict->evidence == Evidence::proven);
}

TEST_CASE("who sends requests without a password in another's name gets nobody banned", "[pipeline]") {
  // One packet with a password and a wrong nonce puts a user's name into the session; forged packets without
  // a password then get the line of a failed login, without the error that comes before it.
  Story story;
  const auto refused = [&](int number) {
    return story.says(fmt::format(
        "7: : {}: realm <example.org> user <alice>: incoming packet message processed, error 401: "
        "Unauthorized",
        session(number)));
  };
  for (int i = 1; i <= 20; ++i) {
    CHECK_FALSE(refused(i));
    CHECK_FALSE(guesses(story, i, "192.0.2.99:1001", "alice", 0));
  }
  CHECK(story.pipeline.counters().offences.at({"challenge", Evidence::spoofable}) == 20);
}

// So many relays, opened one after the other and closed all at once.
bool many_relays_are_a_ban(int relays, std::chrono::milliseconds apart, bool last_first) {
  Story story;
  const auto opened = story.now;
  for (int i = 0; i < relays; ++i) {
    while (story.now.mono < opened.mono + i * apart)
      story.ticks(std::min<std::chrono::milliseconds>(apart, std::chrono::seconds(1)));
    const std::string name = session(i + 1);
    story.says("7: : " + name + ": new, realm=<example.org>, username=<alice>, lifetime=3600");
    story.says("7: : " + name +
               ": realm <example.org> user <alice>: incoming packet ALLOCATE processed, success");
  }
  bool banned = false;
  for (int i = 0; i < relays; ++i) {
    const int which = last_first ? relays - i : i + 1;
    banned = banned || story.says(fmt::format(
                           "7: : {}: closed (2nd stage), user <alice> realm <example.org> origin <>, local "
                           "198.51.100.10:3478, remote 192.0.2.7:{}, reason: allocation watchdog "
                           "determined stale session state",
                           session(which), 10'000 + which));
  }
  for (int i = 0; i < 10; ++i) banned = story.ticks().has_value() || banned;
  return banned;
}

TEST_CASE("relays that end together are a flood only where they began together", "[pipeline][waited]") {
  const bool last_first = GENERATE(false, true);
  CHECK_FALSE(many_relays_are_a_ban(75, std::chrono::milliseconds(2100), last_first));
  CHECK(many_relays_are_a_ban(75, std::chrono::milliseconds(300), last_first));
}

TEST_CASE("three different users are a ban, one wrong password is none", "[pipeline]") {
  Story story;
  CHECK_FALSE(guesses(story, 1, "192.0.2.11:1001", "alice"));
  CHECK_FALSE(guesses(story, 2, "203.0.113.8:1001", "root"));
  CHECK_FALSE(guesses(story, 3, "203.0.113.8:1002", "admin"));
  CHECK(guesses(story, 4, "203.0.113.8:1003", "guest"));
}

TEST_CASE("fifty customers behind one address are not banned for one who guesses", "[pipeline]") {
  Story story;
  for (int i = 0; i < 50; ++i) logs_in(story, 100 + i, "192.0.2.50:1001", fmt::format("customer{}", i));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(guesses(story, 200 + i, "192.0.2.50:1002", "alice"));
}

namespace {

std::string home(int number) {
  return fmt::format("192.0.2.{}:1001", number);
}
std::string customer(int number) {
  return fmt::format("customer{}", number);
}
// Six customers fail as themselves, and the breaker is open.
void open_breaker(Story& story) {
  for (int i = 1; i <= 6; ++i) logs_in(story, i, home(i).c_str(), customer(i));
  for (int i = 7; i <= 20; ++i) logs_in(story, i, home(i).c_str(), customer(i));
  for (int i = 1; i <= 6; ++i) guesses(story, 100 + i, home(i).c_str(), customer(i).c_str(), 100);
  REQUIRE(story.pipeline.breaker().open());
}

}  // namespace

TEST_CASE("when the customers' passwords stopped working, five are banned and not all",
          "[pipeline][breaker]") {
  Story story;
  for (int i = 1; i <= 20; ++i) logs_in(story, i, home(i).c_str(), customer(i));
  const auto retry = [&](int number, int session) {
    return guesses(story, session, home(number).c_str(), customer(number).c_str(), 100).has_value();
  };
  for (int i = 1; i <= 5; ++i) CHECK(retry(i, 100 + i));
  for (int i = 6; i <= 20; ++i) CHECK_FALSE(retry(i, 100 + i));
  const BreakerState& state = story.pipeline.breaker().state();
  REQUIRE(state.open);
  CHECK(state.customers >= 18);
  CHECK(state.customers <= 22);
  CHECK(state.banned.front().rule == "password-guess");
  CHECK(story.pipeline.counters().withheld >= 15);
  CHECK(story.pipeline.counters().offences.at({"password-guess", Evidence::proven}) == 2000);
  for (int i = 7; i <= 20; ++i)
    for (int again = 0; again < 3; ++again) CHECK_FALSE(retry(i, 1000 + i * 10 + again));
}

TEST_CASE("an open breaker protects nobody who fails as another", "[pipeline][breaker][hostile]") {
  Story story;
  open_breaker(story);
  // Somebody without an account, somebody with one, and a customer at a neighbour's name.
  CHECK(guesses(story, 200, "203.0.113.5:1", "root", 5));
  CHECK(guesses(story, 201, home(7).c_str(), customer(8).c_str(), 100));
  CHECK(guesses(story, 202, home(9).c_str(), "alice", 100));
  // And nothing of what was withheld before is held against whom a third made fail a little.
  CHECK_FALSE(guesses(story, 203, home(10).c_str(), customer(10).c_str(), 100));
  CHECK_FALSE(guesses(story, 204, home(10).c_str(), customer(11).c_str(), 99));
  CHECK(guesses(story, 205, home(10).c_str(), customer(11).c_str(), 1));
}

TEST_CASE("one account from many addresses opens no breaker", "[pipeline][breaker][hostile]") {
  Story story;
  for (int i = 1; i <= 30; ++i) logs_in(story, i, home(i).c_str(), i <= 20 ? "mallory" : customer(i));
  for (int i = 1; i <= 20; ++i) CHECK(guesses(story, 100 + i, home(i).c_str(), "mallory", 100));
  CHECK_FALSE(story.pipeline.breaker().open());
}

TEST_CASE("one account under many REST names opens no breaker", "[pipeline][breaker][hostile]") {
  Story story;
  const auto name = [](int number, bool behind) {
    return behind ? fmt::format("mallory:{}", 1767225600 + number)
                  : fmt::format("{}:mallory", 1767225600 + number);
  };
  for (int i = 1; i <= 40; ++i)
    logs_in(story, i, home(i).c_str(), i <= 20 ? name(i, i % 2 == 0) : customer(i));
  for (int i = 1; i <= 20; ++i)
    static_cast<void>(guesses(story, 100 + i, home(i).c_str(), name(100 + i, i % 2 == 1).c_str(), 300));
  CHECK_FALSE(story.pipeline.breaker().open());
}

TEST_CASE("failing as others opens no breaker, from however many customers' addresses",
          "[pipeline][breaker][hostile]") {
  Story story;
  for (int i = 1; i <= 30; ++i) logs_in(story, i, home(i).c_str(), customer(i));
  for (int i = 1; i <= 30; ++i) CHECK(guesses(story, 100 + i, home(i).c_str(), "admin", 100));
  CHECK_FALSE(story.pipeline.breaker().open());
}

TEST_CASE("who makes himself a gateway by five accounts guesses no more than with one, and is banned",
          "[pipeline][gateway][hostile]") {
  Story story;
  int number = 0;
  for (int slice = 0; slice < 4; ++slice) {
    for (int user = 0; user < 5; ++user)
      for (int login = 0; login < 5; ++login)
        logs_in(story, ++number, "203.0.113.9:1001", fmt::format("own{}", user));
    story.ticks(std::chrono::minutes(10));
  }
  REQUIRE(story.pipeline.credit().gateway(story.now) == Prefix::parse("203.0.113.9"));
  int guessed = 0;
  while (guessed < 1000 && !guesses(story, 1000 + guessed, "203.0.113.9:1002", "alice")) ++guessed;
  CHECK(guessed == 99);
  CHECK(story.pipeline.counters().gateway == 100);
}

TEST_CASE(
    "a guesser behind a gateway of fifty users has it banned at fifty times as much, by strong rules too",
    "[pipeline][gateway]") {
  Story story;
  int number = 0;
  for (int slice = 0; slice < 3; ++slice) {
    for (int user = 0; user < 50; ++user)
      logs_in(story, ++number, "203.0.113.9:1001", fmt::format("user{}", user));
    story.ticks(std::chrono::minutes(10));
  }
  REQUIRE(story.pipeline.credit().gateway(story.now));
  const auto users = story.pipeline.credit().standing(*Prefix::parse("203.0.113.9"), story.now).users;
  int tried = 0;
  while (tried < 1000 && !story.says("3: IPv4. CLI authentication error: 203.0.113.9:34829")) ++tried;
  CHECK(tried + 1 >= static_cast<int>(users));
  CHECK(tried + 1 <= 2 * static_cast<int>(users));
}

TEST_CASE("guesses from many /64s of one /48 are a ban of the /48", "[pipeline][wide]") {
  Story story;
  std::optional<Verdict> wide;
  int guessed = 0;
  for (; !wide && guessed < 5000; guessed += 4) {
    const auto client = fmt::format("[2001:db8:bad:{:x}::1]:1001", guessed * 16);
    const auto ban = guesses(story, 1 + guessed, client.c_str(), fmt::format("user{}", guessed).c_str(), 4);
    if (ban && ban->prefix.length() < 64) wide = ban;
  }
  REQUIRE(wide);
  CHECK(wide->prefix.to_string() == "2001:db8:bad::/48");
  CHECK(guessed <= 404);
  (void)story.pipeline.forgive(wide->prefix, true);
  CHECK(story.pipeline.wide_networks().points(wide->prefix, story.now) == Points{});
}

TEST_CASE("a customer within a /48 is never banned with it, and saves nobody else in it",
          "[pipeline][wide]") {
  Story story;
  logs_in(story, 9000, "[2001:db8:bad:1::1]:1001", "honest");
  int banned = 0, tried = 0;
  for (int i = 0; i < 300; ++i) {
    const auto client = fmt::format("[2001:db8:bad:{:x}::1]:1001", i % 300 * 200 + 2);
    const auto ban = guesses(story, 1 + i, client.c_str(), "alice", i < 120 ? 4 : 1);
    if (i >= 120) ++tried;
    if (ban) {
      CHECK_FALSE(ban->prefix.contains(*Address::parse("2001:db8:bad:1::1")));
      if (i >= 120) ++banned;
    }
  }
  CHECK(banned == tried);
  CHECK_FALSE(guesses(story, 9001, "[2001:db8:bad:1::1]:1002", "honest", 4));
}

TEST_CASE("a /48 around an address of ours is never banned", "[pipeline][wide]") {
  Allowlist allowlist;
  allowlist.set_own({{*Prefix::parse("2001:db8:bad:ffff::1"), "ours"}});
  Story story(test::shipped_rules(), std::move(allowlist));
  for (int i = 0; i < 300; ++i) {
    const auto client = fmt::format("[2001:db8:bad:{:x}::1]:1001", i * 200 + 2);
    const auto ban = guesses(story, 1 + i, client.c_str(), "alice", 4);
    CHECK((!ban || ban->prefix.length() >= 56));
  }
}

// What a page can do: so many RTCPeerConnections with made-up names, each with a session of its own.
TEST_CASE("a page's guesses cost its customer nothing, hundreds of them one minute, and always one minute",
          "[pipeline][good name]") {
  Story story;
  int number = 1000;
  const auto page = [&](int connections, const char* client) {
    std::vector<Verdict> bans;
    for (int i = 0; i < connections; ++i, ++number)
      if (auto verdict = guesses(story, number, client, fmt::format("made-up{}", number).c_str()))
        bans.push_back(*verdict);
    return bans;
  };
  for (int visit = 0; visit < 3; ++visit) {
    logs_in(story, ++number, "192.0.2.11:1001", "alice");
    CHECK(page(3, "192.0.2.11:1002").empty());
    CHECK(page(30, "192.0.2.11:1002").empty());
    story.now.mono += std::chrono::minutes(11);
    const auto bans = page(300, "192.0.2.11:1002");
    REQUIRE(!bans.empty());
    for (const Verdict& ban : bans) {
      CHECK(ban.duration == std::chrono::minutes(1));
      CHECK(ban.earlier_bans == 0);
    }
    story.now.mono += std::chrono::minutes(11);
  }
  // Who has no good name is banned by the third user, and longer each time.
  for (int visit = 0; visit < 3; ++visit) {
    const auto bans = page(3, "203.0.113.8:1001");
    REQUIRE(bans.size() == 1);
    CHECK(bans[0].duration == std::chrono::minutes(1 << visit));
    story.now.mono += std::chrono::minutes(20);
  }
}

TEST_CASE("a page's ban that the kernel refuses leaves the ladder as it was", "[pipeline][good name]") {
  Story story;
  const Prefix network = *Prefix::parse("192.0.2.11");
  int number = 1000;
  for (int i = 0; i < 3; ++i, ++number)
    guesses(story, number, "192.0.2.11:1002", fmt::format("made-up{}", number).c_str());
  REQUIRE(story.pipeline.ledger().earlier_bans(network) == 1);
  story.now.mono += std::chrono::minutes(61);
  logs_in(story, ++number, "192.0.2.11:1001", "alice");
  std::optional<Verdict> ban;
  for (int i = 0; i < 300 && !ban; ++i, ++number)
    ban = guesses(story, number, "192.0.2.11:1002", fmt::format("made-up{}", number).c_str());
  REQUIRE(ban);
  CHECK(ban->earlier_bans == 1);
  CHECK(story.pipeline.ledger().ban_left(network, story.now) > std::chrono::seconds(0));
  CHECK_FALSE(story.pipeline.take_back(ban->prefix, ban->earlier_bans, story.now));
  CHECK(story.pipeline.ledger().ban_left(network, story.now) == std::chrono::seconds(0));
  CHECK(story.pipeline.ledger().earlier_bans(network) == 1);
}

TEST_CASE("what a page does adds up with nothing that the client does", "[pipeline][good name]") {
  Story story;
  logs_in(story, 1, "192.0.2.11:1001", "alice");
  const auto probes = [&](int session_number, int times) {
    return [&, session_number, times] {
      CHECK_FALSE(story.says(fmt::format(
          "7: : {}: realm <example.org> user <alice>: incoming packet ALLOCATE processed, success",
          session(session_number))));
      for (int i = 0; i < times; ++i)
        CHECK_FALSE(story.says(fmt::format(
            "7: : {}: realm <example.org> user <alice>: incoming packet CHANNEL_BIND processed, error 403: "
            "Forbidden IP",
            session(session_number))));
      return story.says(
          fmt::format("8: : {}: TCP socket closed remotely 192.0.2.11:1003", session(session_number)));
    }();
  };
  CHECK_FALSE(probes(2, 3));                                         // 2.7 points
  CHECK_FALSE(guesses(story, 3, "192.0.2.11:1002", "made-up", 99));  // 2.97 of others
  REQUIRE(guesses(story, 4, "192.0.2.11:1002", "made-up", 1));
  CHECK_FALSE(guesses(story, 5, "192.0.2.11:1002", "made-up", 200));  // while it is banned
  story.now.mono += std::chrono::minutes(2);
  const auto own = probes(6, 1);  // the ban of the first length has cleared nothing
  REQUIRE(own);
  CHECK(own->earlier_bans == 0);
  CHECK(own->duration == std::chrono::minutes(1));
}

TEST_CASE("what a page did counts on after a restart", "[pipeline][good name][saved]") {
  const std::chrono::steady_clock::time_point origin;
  StateBatch batch;
  Story before;
  before.pipeline.begin(origin);
  logs_in(before, 1, "192.0.2.11:1001", "alice");
  CHECK_FALSE(guesses(before, 2, "192.0.2.11:1002", "made-up", 99));
  before.pipeline.save_changes(batch);

  Story after;
  after.now = before.now;
  after.pipeline.begin(origin);
  SavedState saved;
  saved.head.findtime_seconds = 3600;
  saved.offenders = batch.offenders;
  saved.records = batch.records;
  std::vector<std::optional<RuleId>> numbers;
  for (std::size_t id = 0; id < after.pipeline.rules().rules().size(); ++id)
    numbers.emplace_back(static_cast<RuleId>(id));
  after.pipeline.load(saved, numbers, false, after.now);
  const auto ban = guesses(after, 3, "192.0.2.11:1002", "made-up", 1);
  REQUIRE(ban);
  CHECK(ban->earlier_bans == 0);
}

// What only forged packets make: challenges to ever new victims, whose sessions end, and lines of ever new
// addresses behind a forged text. More of it than the tables hold.
TEST_CASE("what forged packets make takes no room from what is proven", "[pipeline][hostile]") {
  Story story;
  Policy small;
  small.max_addresses = 64;
  story.pipeline.set_policy(small);
  logs_in(story, 1, "192.0.2.11:1001", "alice");
  CHECK_FALSE(guesses(story, 2, "203.0.113.6:1001", "alice", 4));
  const std::size_t tallied = story.pipeline.tally().size();
  for (int i = 0; i < 500; ++i) {
    CHECK_FALSE(story.says(
        fmt::format("7: : {}: realm <example.org> user <>: incoming packet message processed, error 401: "
                    "Unauthorized",
                    session(1000 + i))));
    CHECK_FALSE(story.says(
        fmt::format("67: : {}: closed (2nd stage), user <> realm <example.org> origin <>, local "
                    "198.51.100.10:3478, remote 10.1.{}.{}:40000, reason: allocation watchdog determined "
                    "stale session state",
                    session(1000 + i), i / 250, i % 250)));
  }
  for (int i = 0; i < 500; ++i) {
    CHECK_FALSE(story.says("33: : ERROR: check_stun_auth: wrong username: x"));
    CHECK_FALSE(story.reset(fmt::format("10.2.{}.{}:1234", i / 250, i % 250)));
  }
  CHECK(story.pipeline.counters().offences.at({"connection-reset", Evidence::tainted}) == 500);
  CHECK(story.pipeline.ledger().size() == 1);
  CHECK(story.pipeline.ledger().counters().evicted == 0);
  CHECK(story.pipeline.tally().size() == tallied);
  CHECK(story.pipeline.credit().size() == 1);
  CHECK(story.pipeline.credit().standing(*Prefix::parse("192.0.2.11"), story.now).by_login);
  story.pipeline.recogniser().forget_all();
  CHECK(guesses(story, 3, "203.0.113.6:1001", "alice", 1));
}

namespace {

// A session of somebody who logs in and asks to relay where nobody may; its last line names it.
std::optional<Verdict> asks(Story& story, int number, const char* client, const char* request, int denied,
                            int silent) {
  const auto line = [&](const std::string& what) { return story.says("7: : " + what); };
  const auto answer = [&](std::string_view method, std::string_view result) {
    return fmt::format("{}: realm <example.org> user <alice>: incoming packet {} processed, {}",
                       session(number), method, result);
  };
  CHECK_FALSE(line(answer("ALLOCATE", "success")));
  for (int i = 0; i < denied; ++i) {
    CHECK_FALSE(line(fmt::format("ERROR: A peer IP 10.0.{}.{} denied in the range: 10.0.0.0-10.255.255.255",
                                 i / 200, i % 200)));
    CHECK_FALSE(line(answer(request, "error 403: Forbidden IP")));
  }
  for (int i = 0; i < silent; ++i) CHECK_FALSE(line(answer(request, "error 403: Forbidden IP")));
  return line(fmt::format("{}: TCP socket closed remotely {}", session(number), client));
}

}  // namespace

TEST_CASE("no candidates that the other end of a call offers ban the customer", "[pipeline][good name]") {
  Story story;
  // The same 80 private ones and 8 of loopback and metadata in each of ten calls, over two transports.
  for (int call = 0; call < 20; ++call) {
    CHECK_FALSE(asks(story, 10 + call, "192.0.2.11:1001", "CREATE_PERMISSION", 80, 4));
    story.now.mono += std::chrono::seconds(30);
  }
}

TEST_CASE("more candidates than a call has are a ban of the first length", "[pipeline][good name]") {
  for (const bool silent : {false, true})
    for (int visit = 0; visit < 3; ++visit) {
      Story story;
      CHECK_FALSE(asks(story, 1, "192.0.2.11:1001", "CREATE_PERMISSION", silent ? 0 : 102, silent ? 102 : 0));
      story.now.mono += std::chrono::minutes(20);
      const auto verdict =
          asks(story, 2, "192.0.2.11:1001", "CREATE_PERMISSION", silent ? 0 : 103, silent ? 103 : 0);
      REQUIRE(verdict);
      CHECK(verdict->duration == std::chrono::minutes(1));
    }
}

TEST_CASE("who binds channels or connects where nobody may is a scanner, good name or not",
          "[pipeline][good name]") {
  for (const char* const request : {"CHANNEL_BIND", "CONNECT"}) {
    Story story;
    CHECK_FALSE(asks(story, 1, "203.0.113.5:1001", request, 0, 3));
    story.now.mono += std::chrono::minutes(20);
    for (int ban = 0; ban < 3; ++ban) {
      const auto loopback = asks(story, 2 + ban, "203.0.113.5:1001", request, 0, 4);
      REQUIRE(loopback);
      CHECK(loopback->duration == std::chrono::minutes(1 << ban));
      story.now.mono += std::chrono::minutes(20);
    }
    CHECK_FALSE(asks(story, 10, "203.0.113.6:1001", request, 60, 0));
    story.now.mono += std::chrono::minutes(20);
    CHECK(asks(story, 11, "203.0.113.6:1001", request, 61, 0));
  }
}

TEST_CASE("who binds channels again and again to this host, where denied-peer-ip names it, is a scanner",
          "[pipeline][good name]") {
  Allowlist allowlist;
  allowlist.set_own({{*Prefix::parse("198.51.100.10"), "coturn's external-ip", true},
                     {*Prefix::parse("2001:db8::10"), "own address", true},
                     {*Prefix::parse("10.0.0.1"), "default gateway"}});
  Story story(test::shipped_rules(), std::move(allowlist));
  int number = 0;
  const auto asks_for = [&](const char* peer, const char* request, int times, bool named = false) {
    story.now.mono += std::chrono::minutes(61);
    const std::string id = session(++number);
    const std::string client = fmt::format("203.0.113.{}:1001", number);
    for (int i = 0; i < times; ++i) {
      CHECK_FALSE(story.says(
          named ? fmt::format("7: : ERROR: {}: A peer IP {} denied in the range: {}-{} in "
                              "server 0 ",
                              id, peer, peer, peer)
                : fmt::format("7: : ERROR: A peer IP {} denied in the range: {}-{}", peer, peer, peer)));
      CHECK_FALSE(story.says(
          fmt::format("7: : {}: realm <example.org> user <alice>: incoming packet {} processed, error 403: "
                      "Forbidden IP",
                      id, request)));
    }
    return story.says(fmt::format("7: : {}: TCP socket closed remotely {}", id, client));
  };
  for (const char* const own : {"198.51.100.10", "2001:db8::10"})
    for (const char* const request : {"CHANNEL_BIND", "CONNECT"})
      for (const bool named : {false, true}) {
        CHECK_FALSE(asks_for(own, request, 7, named));
        const auto ban = asks_for(own, request, 8, named);
        REQUIRE(ban);
        CHECK(story.pipeline.rules().name(ban->rule) == "own-channel");
      }
  // A permission alone is none, nor is another address, again and again.
  CHECK_FALSE(asks_for("198.51.100.10", "CREATE_PERMISSION", 60));
  CHECK_FALSE(asks_for("10.0.0.1", "CHANNEL_BIND", 60));
}

TEST_CASE("a reset of who had a busy connection is half, and no ladder grows of it",
          "[pipeline][good name]") {
  Story story;  // a log without logins
  const auto lives = [&](std::uint64_t bytes) {
    story.pipeline.take(Connection{.local = *Endpoint::parse("198.51.100.10:3478"),
                                   .client = *Endpoint::parse("192.0.2.11:900"),
                                   .state = Connection::State::living,
                                   .counted = true,
                                   .received_bytes = bytes,
                                   .acked_bytes = bytes},
                        story.now, story.outcome);
  };
  lives(0);
  story.now.mono += std::chrono::seconds(11);
  lives(20'000);
  story.ticks();
  for (int visit = 0; visit < 3; ++visit) {
    for (int i = 0; i < 5; ++i) CHECK_FALSE(story.reset("192.0.2.11:1001"));
    const auto verdict = story.reset("192.0.2.11:1001");
    REQUIRE(verdict);
    CHECK(verdict->duration == std::chrono::minutes(1));
    story.now.mono += std::chrono::minutes(2);
  }
  // Once somebody logs in, the log tells of logins, and bytes are no good name any more.
  logs_in(story, 50, "192.0.2.77:1001", "alice");
  for (int i = 0; i < 5; ++i) CHECK_FALSE(story.reset("192.0.2.11:1001"));
  const auto verdict = story.reset("192.0.2.11:1001");
  REQUIRE(verdict);
}

TEST_CASE("fifty customers behind one address may each connect as often as one alone", "[pipeline]") {
  const auto connects = [](Story& story, int times) {
    bool banned = false;
    for (int i = 0; i < times; ++i)
      banned = story.says("7: : IPv4. tcp or tls connected to: 192.0.2.50:1003").has_value() || banned;
    return banned;
  };
  Story crowd;
  for (int i = 0; i < 50; ++i) logs_in(crowd, 100 + i, "192.0.2.50:1001", fmt::format("customer{}", i));
  CHECK_FALSE(connects(crowd, 50 * 50));
  CHECK(crowd.pipeline.ledger().points(*Prefix::parse("192.0.2.50/32"), crowd.now) == Points{});
  Story alone;
  logs_in(alone, 100, "192.0.2.50:1001", "alice");
  CHECK_FALSE(connects(alone, 240 + 149));  // a page can do that
  CHECK(connects(alone, 1));
  Story stranger;
  CHECK_FALSE(connects(stranger, 60 + 59));
  CHECK(connects(stranger, 1));
}

TEST_CASE("a phone that logged in may lose its connection as often as it likes", "[pipeline]") {
  Story story;
  for (int i = 1; i < 40; ++i) {
    CHECK_FALSE(story.says(
        fmt::format("7: : {}: realm <example.org> user <alice>: incoming packet ALLOCATE processed, success",
                    session(i))));
    CHECK_FALSE(story.says(fmt::format(
        "8: : ERROR: {}: TCP socket error: Connection reset by peer 192.0.2.15:{}", session(i), 1000 + i)));
  }
}

TEST_CASE("a reset that the kernel never saw is refuted, one that it saw is proven", "[pipeline][witness]") {
  Story story;
  story.pipeline.set_witness(true, true, story.now);
  story.ticks(std::chrono::seconds(5));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(story.reset("192.0.2.99:1234"));
  for (int i = 0; i < 5; ++i) CHECK_FALSE(story.ticks());
  CHECK(story.pipeline.testimony().counters().refuted == 5);
  CHECK_FALSE(story.ends("203.0.113.18:1001", 64, 0));
  CHECK_FALSE(story.reset("203.0.113.18:1001"));  // after the event
  CHECK_FALSE(story.reset("203.0.113.18:1002"));  // before it
  CHECK_FALSE(story.ends("203.0.113.18:1002", 64, 0));
  CHECK_FALSE(story.reset("203.0.113.18:1003"));
  const auto verdict = story.ends("203.0.113.18:1003", 64, 0);
  REQUIRE(verdict);
  CHECK(verdict->evidence == Evidence::proven);
}

TEST_CASE("a tainted line that the kernel confirms counts again", "[pipeline][witness]") {
  Story story;
  story.pipeline.set_witness(true, true, story.now);
  story.ticks(std::chrono::seconds(5));
  std::optional<Verdict> verdict;
  for (int i = 0; i < 3; ++i) {
    const auto client = fmt::format("203.0.113.18:{}", 1000 + i);
    CHECK_FALSE(story.says("33: : ERROR: check_stun_auth: wrong username: x"));
    CHECK_FALSE(story.reset(client));
    verdict = story.ends(client.c_str(), 64, 0);
  }
  REQUIRE(verdict);
  CHECK(story.pipeline.testimony().counters().given_back == 3);
}

// Guesses over UDP wait for the line that names whose they were. Neither a flood of sessions before them nor
// one behind them may hide that they were made.
TEST_CASE("a flood of sessions hides no password guess", "[pipeline][hostile]") {
  constexpr int kFlood = static_cast<int>(Attribution::kMaxSessions) + 1000;
  Story story;
  const auto flood = [&](int first) {
    for (int i = 0; i < kFlood; ++i)
      CHECK_FALSE(
          story.says(fmt::format("7: : {}: realm <example.org> user <>: incoming packet message "
                                 "processed, error 401: Unauthorized",
                                 session(first + i))));
  };
  SECTION("before it") {
    flood(1000);
    CHECK(guesses(story, 1, "203.0.113.6:1001", "alice", 5));
    CHECK(story.pipeline.attribution().counters().evicted >= 1000);
  }
  SECTION("behind it") {
    for (int i = 0; i < 5; ++i)
      CHECK_FALSE(story.says(
          fmt::format("7: : {}: realm <example.org> user <alice>: incoming packet message processed, "
                      "error 401: Unauthorized",
                      session(1))));
    const auto nameless = story.pipeline.attribution().counters().unattributed;
    flood(1000);
    const auto& counters = story.pipeline.attribution().counters();
    CHECK(counters.evicted >= 1000);
    CHECK(counters.unattributed >= nameless + 5);  // told, though nobody can be charged any more
  }
}

// Windows, waiting and the length of bans follow the monotonic clock alone.
TEST_CASE("steps of the clock lose no offence and make none", "[pipeline]") {
  const auto step = GENERATE(std::chrono::hours(1), std::chrono::hours(-1), std::chrono::hours(24 * 365));
  Story story;
  story.now.wall += std::chrono::hours(24 * 365 * 30);
  CHECK_FALSE(story.reset("203.0.113.5:1001"));
  story.now.wall += step;
  CHECK_FALSE(story.reset("203.0.113.5:1002"));
  story.ticks();
  story.now.wall -= 2 * step;
  CHECK(story.reset("203.0.113.5:1003"));
  // What lies two hours apart stays apart, whatever the wall says.
  CHECK_FALSE(story.reset("203.0.113.6:1001"));
  CHECK_FALSE(story.reset("203.0.113.6:1002"));
  story.now.mono += std::chrono::hours(2);
  story.now.wall -= std::chrono::hours(1);
  CHECK_FALSE(story.reset("203.0.113.6:1003"));
  // And a password guess waits for its session's client, no longer and no shorter.
  Story guess;
  guess.now.wall += std::chrono::hours(24 * 365 * 30);
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(fails(guess, 1, "alice"));
    guess.now.wall += step;
    guess.ticks();
  }
  auto verdict = guess.says(
      fmt::format("8: : {}: closed (2nd stage), user <alice> realm <example.org> origin <>, local "
                  "198.51.100.10:3478, remote 203.0.113.6:1001, reason: allocation watchdog determined stale "
                  "session state",
                  session(1)));
  if (auto later = guess.ticks(std::chrono::seconds(2))) verdict = later;
  CHECK(verdict);
}

TEST_CASE("a flood of challenges is a reflection where nobody logs in, else customers behind one address",
          "[pipeline]") {
  // With unauthorized-ratelimit coturn from 4.14 on names the address at once.
  const auto floods = [](Story& story) {
    for (int i = 0; i < 20; ++i)
      CHECK_FALSE(
          story.says("40: (18659): INFO: 401 rate-limit exceeded from 192.0.2.50, suppressing responses for "
                     "this window"));
    return story.reports;
  };
  Story strangers;
  CHECK(floods(strangers) > 0);
  Story customers;
  logs_in(customers, 100, "192.0.2.50:1001", "alice");
  CHECK(floods(customers) == 0);
}

TEST_CASE("accusing lines that an attacker's text blinds are counted with what they would cost",
          "[pipeline][hostile]") {
  const std::string smoke = "5: : ERROR: handle_turn_command: Wrong origin format: x";
  Story story;
  story.says("5: : session 000000000000000001: usage: realm=<r>, username=<>, rp=1, rb=1, sp=1, sb=1");
  story.says(smoke);
  CHECK(story.pipeline.blinded() == 0);  // a text alone is no loss
  story.reset("203.0.113.5:1001");
  CHECK(story.pipeline.blinded() == 1);
  CHECK(story.pipeline.blinded_milli() == 1000);
  // The end of a session that waits for its client takes its guesses along.
  story.says("5: : session 000000000000000002: usage: " + std::string(1100, 'x'));
  const std::string session = "6: : session 000000000000000002: realm <r> user <alice>: ";
  story.says("6: : ERROR: check_stun_auth: user alice credentials are incorrect");
  story.says(session + "incoming packet message processed, error 401: Unauthorized");
  CHECK(story.pipeline.blinded() == 1);
  SECTION("that it is known to have made") {
    story.ticks(Announcements::kPatience + std::chrono::seconds(1));
    REQUIRE(story.pipeline.attribution().waiting() == 1);
  }
  SECTION("that may still turn out to be another's") {
    REQUIRE(story.pipeline.attribution().waiting() == 0);
  }
  story.says(smoke);
  story.says(
      "7: : session 000000000000000002: closed (2nd stage), user <alice> realm <r> origin <>, local "
      "198.51.100.10:3478, remote 203.0.113.5:1001, reason: TCP connection closed by client (callback)");
  story.pipeline.finish(story.now, story.outcome);
  CHECK(story.pipeline.blinded() == 2);
  CHECK(story.pipeline.blinded_milli() > 1000);
}

TEST_CASE("what the kernel refutes was forged and is no loss", "[pipeline][witness]") {
  Story story;
  story.pipeline.set_witness(true, true, story.now);
  story.ticks(std::chrono::seconds(10));
  story.says("5: : session 000000000000000001: usage: realm=<r>, username=<>, rp=1, rb=1, sp=1, sb=1");
  story.says("5: : ERROR: handle_turn_command: Wrong origin format: x");
  for (int port = 1000; port < 1009; ++port) story.reset("203.0.113.5:" + std::to_string(port));
  for (int second = 0; second < 15; ++second) story.ticks();
  CHECK(story.pipeline.testimony().counters().refuted == 9);
  CHECK(story.pipeline.blinded() == 0);
}

TEST_CASE("a forged line has nobody reported", "[pipeline][hostile]") {
  Story story;
  CHECK_FALSE(story.says("33: : ERROR: check_stun_auth: wrong username: x"));
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(story.says("7: : IPv4. CLI authentication success: 192.0.2.99:1234"));
    CHECK_FALSE(
        story.says("7: : ERROR: session 000000000000000009: proxy protocol violated (local "
                   "198.51.100.10:3555, remote 192.0.2.99:1234)"));
  }
  CHECK(story.reports == 0);
  for (int i = 0; i < 8; ++i) CHECK_FALSE(story.says("34: : Relay ports initialization done, nothing else"));
  CHECK_FALSE(story.says("35: : IPv4. CLI authentication success: 203.0.113.35:43797"));
  CHECK(story.reports == 1);
}

TEST_CASE("who is only reported is told once it floods, and never banned", "[pipeline]") {
  Story story;
  std::size_t reports = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string line =
        "2026-11-22T12:29:26.115+0000 INFO 401 rate-limit exceeded from 203.0.113.20, suppressing responses "
        "for this "
        "window";
    story.pipeline.take(
        Line{.text = line, .stream = 1, .offset = static_cast<std::uint64_t>(i) * (line.size() + 1)},
        story.now, story.outcome);
    CHECK(story.outcome.verdicts.empty());
    reports += story.outcome.reports.size();
    story.outcome.clear();
  }
  CHECK(reports == 1);
}

TEST_CASE("a line that waits for the kernel keeps its rule through a reload", "[pipeline][witness]") {
  Story story;
  story.pipeline.set_witness(true, true, story.now);
  story.ticks(std::chrono::seconds(5));
  for (int i = 1; i <= 3; ++i) CHECK_FALSE(story.reset(fmt::format("203.0.113.18:{}", 1000 + i)));
  RuleBook fewer = test::shipped_rules();
  std::erase_if(fewer.rules, [](const Rule& rule) {
    return rule.name != "connection-reset" && rule.name != "connection-reset-unread";
  });
  std::reverse(fewer.rules.begin(), fewer.rules.end());
  story.pipeline.set_rules(RuleSet::create(std::move(fewer)).value());
  CHECK_FALSE(story.ends("203.0.113.18:1001", 64, 0));
  CHECK_FALSE(story.ends("203.0.113.18:1002", 64, 0));
  const auto verdict = story.ends("203.0.113.18:1003", 64, 0);
  REQUIRE(verdict);
  CHECK(story.pipeline.rules().name(verdict->rule) == "connection-reset");
}

TEST_CASE("a line that waits is forgotten with its rule", "[pipeline][witness]") {
  Story story;
  story.pipeline.set_witness(true, true, story.now);
  story.ticks(std::chrono::seconds(5));
  CHECK_FALSE(story.reset("203.0.113.18:1001"));
  CHECK(story.pipeline.testimony().waiting() == 1);
  RuleBook without = test::shipped_rules();
  std::erase_if(without.rules, [](const Rule& rule) { return rule.name == "connection-reset"; });
  story.pipeline.set_rules(RuleSet::create(std::move(without)).value());
  CHECK(story.pipeline.testimony().waiting() == 0);
}

TEST_CASE("what waited when the witness was lost keeps its texts while other lines settle",
          "[pipeline][witness]") {
  Story story;
  for (int i = 0; i < 5; ++i) CHECK_FALSE(fails(story, 5, "alice"));
  story.pipeline.set_witness(true, true, story.now);
  story.ticks(std::chrono::seconds(5));
  CHECK_FALSE(
      story.says("8: : ERROR: session 000000000000000005: TCP socket error: Connection reset by peer "
                 "203.0.113.6:1001"));
  story.pipeline.set_witness(false, false, story.now);
  // A closing, and what stands within its text's reach, are held back: both come with the line behind them.
  CHECK_FALSE(story.says(
      "8: : session 000000000000000007: closed (2nd stage), user <bob> realm <example.org> origin <>, "
      "local 198.51.100.10:3478, remote 192.0.2.11:1001, reason: allocation timeout"));
  const auto resets = [&](int number) {
    return story.says(fmt::format(
        "9: : ERROR: {}: TCP socket error: Connection reset by peer 203.0.113.9:1001", session(number)));
  };
  CHECK_FALSE(resets(8));
  const auto verdict = resets(9);
  REQUIRE(verdict);
  CHECK(verdict->address.to_string() == "203.0.113.6");
}
