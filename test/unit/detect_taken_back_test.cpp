// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/taken_back.hpp"

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/story.hpp"

using namespace coturn_guard;

namespace {

class Talk : public test::LogStory {
 public:
  void connects(int control) { says(in_session(control, "alice", "CONNECT processed, success")); }
  void binds(int control) { says(in_session(control, "alice", "CONNECTION_BIND processed, success")); }
  void closes(int session, const std::string& client, const char* user = "") {
    says(
        fmt::format("5: : session {:018}: closed (2nd stage), user <{}> realm <example.org> origin <>, local "
                    "198.51.100.10:3478, remote {}, reason: general",
                    session, user, client));
  }
  void opens_cli(const std::string& client) { says("5: : IPv4. CLI connected to: " + client); }
  void logs_in_to_cli(const std::string& client) { says("5: : IPv4. CLI authentication success: " + client); }
  void leaves_cli(const std::string& client) { says("5: : IPv4. CLI session disconnected from: " + client); }

 private:
  static std::string in_session(int session, const char* user, const char* what) {
    return fmt::format("5: : session {:018}: realm <example.org> user <{}>: incoming packet {}", session,
                       user, what);
  }
};

}  // namespace

TEST_CASE("data connections are no HTTP, whichever line comes first", "[detect][taken_back]") {
  Talk talk;
  for (int i = 1; i <= 40; ++i) {
    talk.connects(1);
    if (i % 2 == 0) talk.binds(1);
    talk.closes(1000 + i, fmt::format("203.0.113.87:{}", 30000 + i));
    if (i % 2 != 0) talk.binds(1);
    talk.pass(std::chrono::seconds(1));
  }
  talk.pass(std::chrono::seconds(5));
  CHECK(talk.bans.empty());
  CHECK(talk.pipeline.counters().taken_back == 40);
}

TEST_CASE("one data connection takes back one close, not those of HTTP from the same address",
          "[detect][taken_back]") {
  Talk talk;
  talk.connects(1);
  talk.binds(1);
  for (int i = 1; i <= 4; ++i) talk.closes(1000 + i, fmt::format("203.0.113.87:{}", 30000 + i));
  talk.pass(std::chrono::seconds(5));
  CHECK(talk.bans.empty());  // three of four count
  talk.closes(1010, "203.0.113.87:31000");
  talk.pass(std::chrono::seconds(5));
  CHECK(talk.banned("203.0.113.87/32"));
}

TEST_CASE("who has no data connection is banned for HTTP as ever", "[detect][taken_back]") {
  Talk talk;
  for (int i = 1; i <= 4; ++i) talk.closes(1000 + i, fmt::format("203.0.113.5:{}", 30000 + i));
  talk.pass(std::chrono::seconds(1));  // that no more of the line comes
  CHECK(talk.banned("203.0.113.5/32"));
}

TEST_CASE("a word whose client nobody knows spares a few addresses, once each", "[detect][taken_back]") {
  Talk talk;
  for (int i = 1; i <= 4; ++i) {
    talk.connects(1);
    talk.binds(1);
    for (int host = 1; host <= 6; ++host)
      for (int n = 0; n < 2; ++n)
        talk.closes(1000 * host + 10 * i + n, fmt::format("203.0.113.{}:{}", host, 30000 + 10 * i + n));
    talk.pass(std::chrono::seconds(3 + 2 * (i % 3)));
  }
  talk.pass(std::chrono::seconds(4));
  CHECK(talk.pipeline.counters().taken_back == 4 * TakenBack::kMaxClaims);
  for (int host = 1; host <= 6; ++host) CHECK(talk.banned(fmt::format("203.0.113.{}/32", host)));
}

TEST_CASE("where the control connection's client is known, only its own connections are taken back",
          "[detect][taken_back]") {
  Talk talk;
  talk.says("5: : session 000000000000000001: TCP socket closed remotely 203.0.113.5:29999");
  for (int i = 1; i <= 4; ++i) {
    talk.connects(1);
    talk.binds(1);
    talk.closes(2000 + i, fmt::format("203.0.113.6:{}", 40000 + i));
    talk.closes(1000 + i, fmt::format("203.0.113.5:{}", 30000 + i));
    talk.pass(std::chrono::seconds(3 + 2 * (i % 3)));  // uneven: no health check
  }
  CHECK(talk.banned("203.0.113.6/32"));
  CHECK_FALSE(talk.banned("203.0.113.5/32"));
}

TEST_CASE("hosts behind one translator are not taken for one another", "[detect][taken_back][translated]") {
  const auto banned = [](const char* control, const char* other) {
    Talk talk;
    talk.says(fmt::format("5: : session 000000000000000001: TCP socket closed remotely {}:29999", control));
    for (int i = 1; i <= 4; ++i) {
      talk.connects(1);
      talk.binds(1);
      talk.closes(2000 + i, fmt::format("{}:{}", other, 40000 + i));
      talk.pass(std::chrono::seconds(3 + 2 * (i % 3)));
    }
    return !talk.bans.empty();
  };
  CHECK(banned("[64:ff9b::cb00:7105]", "[64:ff9b::cb00:7106]"));
  CHECK(banned("[2001:0:4136:e378:8000:1:34ff:8efa]", "[2001:0:4136:e378:8000:1:34ff:8ef9]"));
  CHECK_FALSE(banned("[64:ff9b::cb00:7105]", "203.0.113.5"));
  CHECK_FALSE(banned("[2002:cb00:7105::1]", "[2002:cb00:7105:2::1]"));
  CHECK_FALSE(banned("[2001:db8::1]", "[2001:db8::2]"));
  CHECK(banned("[2001:db8::1]", "[2001:db8:0:1::2]"));
}

TEST_CASE("a scanner beside an honest client has nobody banned but itself", "[detect][taken_back]") {
  Talk talk;
  for (int i = 1; i <= 20; ++i) {
    talk.connects(1);
    for (int n = 0; n < 10; ++n)
      talk.closes(100000 + 10 * i + n, fmt::format("203.0.113.6:{}", 20000 + 10 * i + n));
    talk.closes(1000 + i, fmt::format("203.0.113.5:{}", 30000 + i));
    for (int n = 0; n < 10; ++n)
      talk.closes(200000 + 10 * i + n, fmt::format("203.0.113.7:{}", 20000 + 10 * i + n));
    talk.binds(1);
    talk.pass(std::chrono::seconds(1));
  }
  talk.pass(std::chrono::seconds(5));
  CHECK(talk.banned("203.0.113.6/32"));
  CHECK(talk.banned("203.0.113.7/32"));
  CHECK_FALSE(talk.banned("203.0.113.5/32"));
}

TEST_CASE("two customers whose data connections end beside each other are both spared",
          "[detect][taken_back]") {
  Talk talk;
  for (int i = 1; i <= 6; ++i) {
    talk.connects(1);
    talk.connects(2);
    talk.binds(1);
    talk.binds(2);
    talk.closes(1000 + i, fmt::format("203.0.113.5:{}", 30000 + i));
    talk.closes(2000 + i, fmt::format("203.0.113.6:{}", 40000 + i));
    talk.pass(std::chrono::seconds(20));
  }
  talk.closes(2, "203.0.113.6:39999", "bob");
  talk.pass(std::chrono::seconds(4));
  talk.closes(1, "203.0.113.5:29999", "alice");
  talk.pass(std::chrono::seconds(4));
  CHECK(talk.bans.empty());
}

TEST_CASE("a health check is one where data connections may end meanwhile, too", "[detect][taken_back]") {
  const auto checked = [](int unevenness) {
    Talk talk;
    talk.connects(1);
    for (int i = 0; i < 20; ++i) {
      talk.closes(1000 + i, fmt::format("203.0.113.53:{}", 30000 + i));
      talk.pass(std::chrono::seconds(30 + unevenness * (i % 5)));
    }
    return talk.bans.empty();
  };
  CHECK(checked(0));
  CHECK_FALSE(checked(7));
}

TEST_CASE("what waits for a word is read again after a restart", "[detect][taken_back]") {
  Talk talk;
  talk.connects(1);
  talk.closes(1001, "203.0.113.5:30000");
  talk.pass(std::chrono::seconds(1));  // that no more of the line comes
  REQUIRE(talk.pipeline.waiting().size() == 1);
  talk.pass(std::chrono::seconds(4));
  CHECK(talk.pipeline.waiting().empty());
}

TEST_CASE("a word that stands in an attacker's text takes nothing back", "[detect][taken_back]") {
  Talk talk;
  talk.connects(1);
  for (int i = 1; i <= 4; ++i) {
    talk.says("5: : ERROR: check_stun_auth: wrong username: x");
    talk.binds(1);  // within its reach
    talk.closes(1000 + i, fmt::format("203.0.113.87:{}", 30000 + i));
    talk.says("5: : " + std::string(600, 'x'));
  }
  CHECK(talk.pipeline.counters().taken_back == 0);
}

TEST_CASE("an administrator whose login succeeds is no guesser", "[detect][taken_back]") {
  Talk talk;
  for (int i = 0; i < 60; ++i) {
    const std::string client = fmt::format("203.0.113.9:{}", 38000 + i);
    talk.opens_cli(client);
    talk.logs_in_to_cli(client);
    talk.leaves_cli(client);
    talk.pass(std::chrono::seconds(60));
  }
  CHECK(talk.bans.empty());
}

TEST_CASE("a login that succeeds excuses that connection alone", "[detect][taken_back]") {
  Talk talk;
  talk.opens_cli("203.0.113.9:38000");
  talk.logs_in_to_cli("203.0.113.9:38000");
  for (int i = 1; i <= 13; ++i) {
    const std::string client = fmt::format("203.0.113.9:{}", 38000 + i);
    talk.opens_cli(client);
    talk.logs_in_to_cli("203.0.113.9:38000");  // again and again, of the one that has
    talk.logs_in_to_cli(fmt::format("203.0.113.10:{}", 38000 + i));
    talk.leaves_cli(client);
  }
  CHECK(talk.banned("203.0.113.9/32"));
  CHECK(talk.pipeline.counters().taken_back == 1);
}

TEST_CASE("connections to the command line that stay open count after a while", "[detect][taken_back]") {
  Talk talk;
  for (int i = 1; i <= 13; ++i) talk.opens_cli(fmt::format("203.0.113.9:{}", 38000 + i));
  CHECK(talk.bans.empty());
  talk.pass(TakenBack::kPatience + std::chrono::seconds(2));
  CHECK(talk.banned("203.0.113.9/32"));
}

TEST_CASE("in a backlog what waits does so by the log's own time", "[detect][taken_back][clock]") {
  const auto taken_back = [](std::chrono::seconds later) {
    test::LogStory story;
    story.said(1, std::chrono::seconds(100), "IPv4. CLI connected to: 203.0.113.9:38000");
    story.said(1, std::chrono::seconds(100) + later, "Total auth threads: 2");
    story.said(1, std::chrono::seconds(100) + later, "IPv4. CLI authentication success: 203.0.113.9:38000");
    return story.pipeline.counters().taken_back;
  };
  CHECK(taken_back(std::chrono::seconds(15)) == 1);
  CHECK(taken_back(std::chrono::seconds(40)) == 0);
}

TEST_CASE("a log that is read behind another waits by its own time", "[detect][taken_back][clock]") {
  test::LogStory story;
  story.said(1, std::chrono::seconds(100), "Total auth threads: 2");
  story.said(2, std::chrono::hours(9), "Total auth threads: 2");
  story.said(1, std::chrono::seconds(100), "IPv4. CLI connected to: 203.0.113.9:38000");
  story.said(2, std::chrono::hours(10), "Total auth threads: 2");
  story.ticks_behind();
  story.said(1, std::chrono::seconds(105), "IPv4. CLI authentication success: 203.0.113.9:38000");
  CHECK(story.pipeline.counters().taken_back == 1);
}

TEST_CASE("what was not taken back counts when it was", "[detect][taken_back][clock]") {
  const auto bans = [](std::chrono::seconds gap) {
    test::LogStory story;
    for (int i = 1; i <= 13; ++i)
      story.said(1, i * gap, fmt::format("IPv4. CLI connected to: 203.0.113.9:{}", 38000 + i));
    story.pass(TakenBack::kPatience + std::chrono::seconds(5));
    return story.bans.size();
  };
  CHECK(bans(std::chrono::seconds(1)) == 1);
  CHECK(bans(std::chrono::hours(1)) == 0);
}

TEST_CASE("what waits is bounded, and what waited longest counts first", "[detect][taken_back]") {
  Talk talk;
  for (std::size_t i = 0; i < TakenBack::kMaxWaiting + 20; ++i)
    talk.opens_cli(fmt::format("203.0.113.9:{}", 1000 + i));
  CHECK(talk.banned("203.0.113.9/32"));
}

TEST_CASE("what a mobile client's old path did is not the new one's, and the new one is not proven",
          "[detect][taken_back]") {
  std::uint64_t unproven = 0;
  const auto moved = [&](const char* reason, const char* end = "") {
    test::LogStory story;
    const auto says = [&](const char* what) {
      story.says(std::string("5: : session 000000000000000001: ") + what);
    };
    for (int i = 0; i < 4; ++i)
      says(
          "realm <example.org> user <alice>: incoming packet CHANNEL_BIND processed, error 403: Forbidden "
          "IP");
    if (reason[0] != 0) says(reason);
    if (end[0] != 0) says(end);
    says(
        "closed (2nd stage), user <alice> realm <example.org> origin <>, local 198.51.100.10:3478, remote "
        "203.0.113.9:5, reason: allocation timeout");
    story.pass(std::chrono::seconds(2));
    unproven = story.pipeline.attribution().moved_milli();
    return story.bans;
  };
  CHECK(moved("") == std::vector<std::string>{"203.0.113.9/32"});
  CHECK(unproven == 0);
  constexpr const char* kMoved = "mobility handoff completed (allocation moved to new client path)";
  CHECK(moved(kMoved).empty());
  CHECK(unproven >= 3000);  // a ban's worth is told all the same (smoke_alarm)
  // Who comes by TCP has it all, whatever it did before.
  CHECK(moved(kMoved, "TCP socket closed remotely 203.0.113.9:5") ==
        std::vector<std::string>{"203.0.113.9/32"});
  CHECK(unproven == 0);
}

TEST_CASE("a mobile customer's ordinary call is no smoke", "[detect][taken_back]") {
  test::LogStory story;
  const auto says = [&](const std::string& what) { story.says("5: : session 000000000000000001: " + what); };
  says("realm <example.org> user <>: incoming packet ALLOCATE processed, error 401: Unauthorized");
  says("new, realm=<example.org>, username=<alice>, lifetime=600");
  says("realm <example.org> user <alice>: incoming packet ALLOCATE processed, success");
  for (int i = 1; i <= 20; ++i) {
    says(fmt::format("A peer IP 10.0.0.{} denied in the range: 10.0.0.0-10.255.255.255 in server 0 ", i));
    says(
        "realm <example.org> user <alice>: incoming packet CREATE_PERMISSION processed, error 403: Forbidden "
        "IP");
  }
  says("mobility handoff completed (allocation moved to new client path)");
  says(
      "closed (2nd stage), user <alice> realm <example.org> origin <>, local 198.51.100.10:3478, remote "
      "203.0.113.9:5, reason: allocation timeout");
  story.pass(std::chrono::seconds(2));
  CHECK(story.bans.empty());
  CHECK(story.pipeline.attribution().counters().moved >= 20);
  CHECK(story.pipeline.attribution().moved_milli() == 0);
}

TEST_CASE("what coturn says of itself is told once in a while, and of nobody", "[detect][taken_back]") {
  test::LogStory story;
  for (int i = 0; i < 100; ++i) story.says("5: : create_relay_ioa_sockets: no available ports 3");
  CHECK(story.reports == std::vector<std::string>{"ports-used-up -"});
  story.pass(std::chrono::minutes(11));
  story.says("5: : create_relay_ioa_sockets: no available ports 3");
  CHECK(story.reports.size() == 2);
}

TEST_CASE("an allocation without a name makes a customer", "[detect][taken_back]") {
  test::LogStory story;
  story.says(
      "5: : session 000000000000000001: realm <r> user <>: incoming packet ALLOCATE processed, success");
  story.says("5: : session 000000000000000001: TCP socket closed remotely 203.0.113.9:5");
  const auto standing = story.pipeline.credit().standing(Prefix::parse("203.0.113.9").value(), story.now);
  CHECK(standing.by_login);
}
