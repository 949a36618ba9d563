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

TEST_CASE("an announcement serves once", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing("", "alice"), 1, true);
  CHECK(known.take(announced("5", "alice"), kBy, 2, true).answer == Answer::announced);
  CHECK(known.take(announced("5", "alice"), kBy, 3, true).answer == Answer::unannounced);
}

TEST_CASE("a session or a user that is named must be the same", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing("7", "alice"), 1, true);
  CHECK(known.take(announced("5", "alice"), kBy, 2, true).answer == Answer::unannounced);
  CHECK(known.take(announced("7", "bob"), kBy, 3, true).answer == Answer::announced);
  known.announce(announcing("", "alice"), 4, true);
  CHECK(known.take(announced("7", "bob"), kBy, 5, true).answer != Answer::announced);
}

TEST_CASE("an announcement reaches a bounded number of lines", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing("5"), 1, true);
  CHECK(known.take(announced("5"), kBy, 2 + Announcements::kReachLines, true).answer == Answer::unannounced);
  known.announce(announcing("5"), 10'000, true);
  CHECK(known.take(announced("5"), kBy, 10'000 + Announcements::kReachLines, true).answer ==
        Answer::announced);
}

TEST_CASE("who is announced has the peer that was named before", "[detect][announcements]") {
  Announcements known;
  Event denial = announcing("5");
  denial.peer = Address::parse("10.0.0.5");
  known.announce(denial, 1, true);
  CHECK(known.take(announced("5"), kBy, 2, true).peer == denial.peer);
  known.announce(denial, 3, false);
  CHECK_FALSE(known.take(announced("5"), kBy, 4, true).peer);
}

TEST_CASE("another session near by may have taken what names no session", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing(), 1, true);
  CHECK(known.take(announced("5"), kBy, 2, true).answer == Answer::announced);
  CHECK(known.take(announced("6"), kBy, 3, true).answer == Answer::uncertain);
  // alone again
  CHECK(known.take(announced("6"), kBy, 3 + Announcements::kNearLines, true).answer == Answer::unannounced);
}

TEST_CASE("where announcements name their session none is mixed up", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing("5"), 1, true);
  CHECK(known.take(announced("5"), kBy, 2, true).answer == Answer::announced);
  CHECK(known.take(announced("6"), kBy, 3, true).answer == Answer::unannounced);
}

TEST_CASE("what an attacker may have written makes nothing certain", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing("5"), 1, false);
  CHECK(known.take(announced("5"), kBy, 2, true).answer == Answer::uncertain);
  known.announce(announcing("5"), 3, true);
  CHECK(known.take(announced("5"), kBy, 4, false).answer == Answer::uncertain);
  CHECK(known.take(announced("5"), kBy, 5, true).answer == Answer::announced);
  CHECK(known.take(announced("5"), kBy, 6, true).answer == Answer::uncertain);
}

TEST_CASE("a flood of announcements is bounded, and what it pushed out is uncertain",
          "[detect][announcements]") {
  Announcements known;
  for (std::uint64_t line = 1; line <= Announcements::kMaxWaiting + 1; ++line)
    known.announce(announcing(line == 1 ? "5" : "6"), line, true);
  CHECK(known.take(announced("5"), kBy, Announcements::kMaxWaiting + 2, true).answer == Answer::uncertain);
}

TEST_CASE("after lines that were not shown nothing is certain for a while", "[detect][announcements]") {
  Announcements known;
  known.announce(announcing("5"), 1, true);
  known.forget(2);
  CHECK(known.take(announced("5"), kBy, 3, true).answer == Answer::uncertain);
  CHECK(known.take(announced("5"), kBy, 3 + Announcements::kReachLines, true).answer == Answer::unannounced);
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
  CHECK(told(kDenied + forbidden(2) + forbidden(1)) == "peer-denied-unnamed forbidden-peer forbidden-peer");
}
