// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/announcements.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using Answer = Announcements::Answer;

namespace {

constexpr RuleId kAnnouncing = 1, kAnnounced = 2;
const std::vector<RuleId> kBy{kAnnouncing};

Event event_of(RuleId rule, std::string_view session, std::string_view user) {
  Event made;
  made.rule = rule;
  made.session = session;
  made.user = user;
  return made;
}
Event announcing(std::string_view session = "", std::string_view user = "") {
  return event_of(kAnnouncing, session, user);
}
Event announced(std::string_view session, std::string_view user = "") {
  return event_of(kAnnounced, session, user);
}

const std::string kVictim = "001000000000000007", kOther = "002000000000000003";

// Lines one after the other.
struct Logs {
  Announcements known;
  std::uint32_t log = 0;
  std::uint64_t line = 0;
  std::optional<Address> peer;

  Announcements::Position at(std::string_view session) {
    const std::string digits = session.empty() || session.size() >= 18
                                   ? std::string(session)
                                   : std::string(18 - session.size(), '0').append(session);
    ++line;
    return {line, known.pass(log, digits, line)};
  }
  void pass(std::string_view session) { static_cast<void>(at(session)); }
  void announce(std::string_view session, std::string_view user = "", bool certain = true,
                std::optional<Address> denied = {}) {
    Event event = announcing(session, user);
    event.log = log;
    event.peer = denied;
    known.announce(event, at(session), certain);
  }
  Answer take(std::string_view session, std::string_view user = "", bool certain = true) {
    Event event = announced(session, user);
    event.log = log;
    const auto reply = known.take(event, kBy, at(session), certain, false);
    peer = reply.peer;
    return reply.answer;
  }
};

std::string names(const std::vector<SeenEvent>& events) {
  std::string text;
  for (const SeenEvent& event : events) text += (text.empty() ? "" : " ") + event.rule;
  return text;
}

std::string told(const std::string& log) {
  Recogniser recogniser = make_recogniser();
  return names(feed(recogniser, log));
}

const std::string kWrong = "7: : ERROR: check_stun_auth: user alice credentials are incorrect\n";
const std::string kUnauthorized =
    "7: : session 000000000000000001: realm <example.org> user <alice>: incoming packet message processed, "
    "error 401: Unauthorized\n";
const std::string kDenied = "7: : ERROR: A peer IP 10.0.0.5 denied in the range: 10.0.0.0-10.255.255.255\n";

std::string forbidden(int session) {
  return fmt::format(
      "7: : session {:018}: realm <example.org> user <alice>: incoming packet CREATE_PERMISSION processed, "
      "error 403: Forbidden IP\n",
      session);
}

}  // namespace

TEST_CASE("an announcement serves the line behind it of its own thread", "[detect][announcements]") {
  Logs logs;
  logs.announce("", "alice");
  CHECK(logs.take("5", "alice") == Answer::announced);
  CHECK(logs.take("5", "alice") == Answer::unannounced);
}

TEST_CASE("a session or a user that is named must be the same", "[detect][announcements]") {
  Logs logs;
  logs.announce("7", "alice");
  CHECK(logs.take("5", "alice") == Answer::unannounced);
  logs.announce("7", "alice");
  CHECK(logs.take("7", "bob") == Answer::announced);
  logs.announce("", "alice");
  CHECK(logs.take("7", "bob") == Answer::unannounced);
}

TEST_CASE("an announcement reaches a bounded number of lines", "[detect][announcements]") {
  Logs logs;
  logs.announce("");
  logs.line += Announcements::kReachLines + 1;
  CHECK(logs.take("5") == Answer::unannounced);
}

TEST_CASE("who is announced has the peer that was named before, where it can be no other",
          "[detect][announcements]") {
  Logs logs;
  const auto peer = Address::parse("10.0.0.5");
  logs.announce("5", "", true, peer);
  CHECK(logs.take("5") == Answer::announced);
  CHECK(logs.peer == peer);
  logs.announce("", "", true, peer);
  CHECK(logs.take("5") == Answer::announced);
  CHECK(logs.peer == peer);
  logs.announce("", "", true, Address::parse("10.0.0.6"));  // another thread's, or this one's
  logs.announce("", "", true, peer);
  CHECK(logs.take("5") == Answer::announced);
  CHECK_FALSE(logs.peer);
}

TEST_CASE("nobody takes a denial away from another thread's line", "[detect][announcements]") {
  Logs logs;
  logs.pass(kOther);
  logs.pass(kVictim);
  logs.announce("");
  CHECK(logs.take(kOther) == Answer::announced);  // by whichever of them
  CHECK(logs.take(kVictim) == Answer::announced);
  CHECK(logs.take(kVictim) == Answer::unannounced);
}

TEST_CASE("what an attacker may have written makes nothing certain", "[detect][announcements]") {
  Logs logs;
  logs.announce("5", "", false);
  CHECK(logs.take("5") == Answer::uncertain);
  CHECK(logs.take("5") == Answer::unannounced);
  logs.announce("5");
  CHECK(logs.take("5", "", false) == Answer::uncertain);
}

TEST_CASE("after what was not shown a thread's next line is uncertain", "[detect][announcements]") {
  Logs logs;
  logs.pass(kVictim);
  logs.known.doubt(0, ++logs.line);
  CHECK(logs.take(kVictim) == Answer::uncertain);
  CHECK(logs.take(kVictim) == Answer::unannounced);
}

TEST_CASE("logs have announcements of their own", "[detect][announcements]") {
  Logs logs;
  logs.announce("", "alice");
  logs.log = 1;
  CHECK(logs.take("5", "alice") == Answer::unannounced);
}

TEST_CASE("a refusal without the error before it is a challenge, which a forged packet can be",
          "[detect][announcements]") {
  CHECK(told(kWrong + kUnauthorized) == "credentials-unnamed password-guess");
  CHECK(told(kUnauthorized) == "challenge");
  CHECK(told(kWrong + kUnauthorized + kUnauthorized) == "credentials-unnamed password-guess challenge");
}

TEST_CASE("a forged error announces no guess", "[detect][announcements]") {
  const std::string forged = "7: : ERROR: check_stun_auth: wrong username: x\n" + kWrong;
  CHECK(told(forged + kUnauthorized).find("password-guess") == std::string::npos);
}

TEST_CASE("a denial without a word is one of loopback", "[detect][announcements]") {
  CHECK(told(kDenied + forbidden(1)) == "peer-denied-unnamed forbidden-peer");
  CHECK(told(forbidden(1) + forbidden(1)) == "silent-denial silent-denial");
  CHECK(told(kDenied + forbidden(1) + forbidden(1)) == "peer-denied-unnamed forbidden-peer silent-denial");
}

TEST_CASE("whose denial another took is not taken for a prober of loopback", "[detect][announcements]") {
  const std::string other =
      "7: : session 001000000000000002: realm <example.org> user <bob>: incoming packet "
      "CREATE_PERMISSION processed, error 403: Forbidden IP\n";
  CHECK(told(kDenied + other + forbidden(1)) == "peer-denied-unnamed forbidden-peer forbidden-peer");
  CHECK(told(kDenied + other + other) == "peer-denied-unnamed forbidden-peer silent-denial");
}
