// SPDX-License-Identifier: GPL-3.0-or-later
// What a page makes somebody do whom no line of the log has named as a customer yet: the kernel saw coturn
// answer it as a customer (Pipeline::answered), and nothing else tells it from a scanner.
#include <fmt/format.h>

#include <algorithm>

#include "detect/announcements.hpp"
#include "pipeline.hpp"
#include "support/catch.hpp"
#include "support/packets.hpp"
#include "support/story.hpp"

using namespace coturn_guard;

namespace {

constexpr const char* kCustomer = "192.0.2.11";
constexpr const char* kScanner = "203.0.113.5";
constexpr const char *kCustomer32 = "192.0.2.11/32", *kScanner32 = "203.0.113.5/32";

constexpr std::uint16_t kAllocated = 0x0103, kRefreshed = 0x0104;

packets::Bytes stun(std::uint16_t type, bool is_signed, std::uint32_t cookie = 0x2112a442) {
  packets::Bytes out;
  packets::put_u16(out, type);
  packets::put_u16(out, is_signed ? 8 + 24 : 8);
  packets::put_u16(out, cookie >> 16);
  packets::put_u16(out, cookie & 0xffff);
  out.resize(20, 7);
  out.insert(out.end(), {0x00, 0x0d, 0, 4, 0, 0, 2, 0x58});  // LIFETIME
  if (is_signed) {
    out.insert(out.end(), {0x00, 0x08, 0, 20});
    out.resize(out.size() + 20, 9);
  }
  return out;
}

packets::Bytes to(const std::string& client, packets::Bytes packet) {
  const auto bytes = Address::parse(client)->bytes();
  if (Address::parse(client)->is_v4())
    std::copy(bytes.begin() + 12, bytes.end(), packet.begin() + 16);
  else
    std::copy(bytes.begin(), bytes.end(), packet.begin() + 24);
  return packet;
}

packets::Bytes answer(const std::string& client, const packets::Bytes& payload) {
  const auto upper = packets::udp(3478, 1001, payload);
  if (!Address::parse(client)->is_v4())
    return to(client, packets::v6(upper, {.source = "2001:db8::10", .extensions = {}}));
  return to(client, packets::v4(upper, {.source = "198.51.100.10"}));
}

class Calls : public test::LogStory {
 public:
  void answers(const packets::Bytes& packet) {
    pipeline.answered({.bytes = packet, .wire_bytes = packet.size()}, now);
  }
  void begins_call(const std::string& client) { answers(answer(client, stun(kAllocated, true))); }
  void own(int number, const std::string& message) {
    says(fmt::format("7: : session {:018}: {}", number, message));
  }
  void logs_in(int number) {
    own(number, "realm <r> user <alice>: incoming packet ALLOCATE processed, success");
  }
  void ends(int number, const std::string& client, const std::string& user = "") {
    own(number, fmt::format("closed (2nd stage), user <{}> realm <r> origin <>, local 198.51.100.10:3478, "
                            "remote {}:1002, reason: general",
                            user, client));
  }
  // A page's fetch("http://turn.example.org:3478/"), or a scanner's.
  void fetches(int times, const std::string& client) {
    const auto named = Address::parse(client)->is_v4() ? client : "[" + client + "]";
    for (int i = 0; i < times; ++i) ends(++number_, named);
    pass(std::chrono::seconds(1));
  }
  void guesses(int times, const std::string& client) {
    const int number = ++number_;
    for (int i = 0; i < times; ++i) {
      says("7: : ERROR: check_stun_auth: user bert credentials are incorrect");
      own(number, "realm <r> user <bert>: incoming packet message processed, error 401: Unauthorized");
    }
    ends(number, client, "bert");
    pass(Announcements::kPatience + std::chrono::seconds(1));
  }
  // Coturn closed so many of its connections before they were seen living.
  void brief(int times, const std::string& client) {
    Outcome told;
    for (int i = 0; i < times; ++i)
      pipeline.take(Connection{.local = *Endpoint::parse("198.51.100.10:3478"),
                               .client = {*Address::parse(client), 1002},
                               .counted = true,
                               .received_bytes = 80},
                    now, told);
    for (const Verdict& verdict : told.verdicts) bans.push_back(verdict.prefix.to_string());
    pass(std::chrono::seconds(1));
  }

 private:
  int number_ = 100'000;
};

using Bans = std::vector<std::string>;

}  // namespace

TEST_CASE("a page gets nobody banned whom coturn answers as a customer", "[pipeline][pages]") {
  for (const std::uint16_t type : {kAllocated, kRefreshed}) {
    Calls story;
    story.answers(answer(kCustomer, stun(type, true)));
    story.fetches(300, kCustomer);
    CHECK(story.bans == Bans{});
  }
}

TEST_CASE("nor where the log tells of no logins and the kernel of brief connections",
          "[pipeline][pages][witness]") {
  Calls story;
  story.pipeline.set_witness(true, true, story.now);
  story.begins_call(kCustomer);
  story.brief(300, kCustomer);
  CHECK(story.bans == Bans{});
  story.brief(29, kScanner);
  CHECK(story.bans == Bans{});
  story.brief(1, kScanner);
  CHECK(story.bans == Bans{kScanner32});
}

TEST_CASE("whosever calls go on, who says HTTP is banned by the fourth time, ever longer",
          "[pipeline][pages]") {
  Calls story;
  story.logs_in(1);
  story.begins_call(kCustomer);
  story.begins_call("203.0.113.4");  // a friend of the scanner's
  std::size_t banned = 0;
  for (const int minutes : {1, 2, 4}) {
    story.fetches(3, kScanner);
    const bool first = banned == 0;
    if (first) CHECK(story.bans.empty());
    story.fetches(1, kScanner);
    CHECK(story.bans.size() == ++banned);
    CHECK(story.pipeline.ledger().earlier_bans(*Prefix::parse(kScanner)) == banned);
    story.pass(std::chrono::minutes(minutes + 1));
  }
}

TEST_CASE("only a signed success over UDP is an answer to a customer", "[pipeline][pages]") {
  const auto good = answer(kScanner, stun(kAllocated, true));
  const auto unsigned_answer = answer(kScanner, stun(kAllocated, false));  // of a coturn without accounts
  const auto challenge = answer(kScanner, stun(0x0113, false));
  const auto refused = answer(kScanner, stun(0x0113, true));
  const auto request = answer(kScanner, stun(0x0003, true));
  const auto binding = answer(kScanner, stun(0x0101, true));
  const auto permission = answer(kScanner, stun(0x0108, true));
  const auto without_cookie = answer(kScanner, stun(kAllocated, true, 0x01020304));
  const auto tcp = to(kScanner, packets::v4(packets::tcp(3478, 1001, stun(kAllocated, true)),
                                            {.source = "198.51.100.10", .protocol = 6}));
  const auto cut = packets::Bytes(good.begin(), good.begin() + 40);
  const auto nothing = packets::Bytes{};
  for (const auto& packet : {unsigned_answer, challenge, refused, request, binding, permission,
                             without_cookie, tcp, cut, nothing}) {
    Calls story;
    story.answers(packet);
    story.fetches(4, kScanner);
    CHECK(story.bans == Bans{kScanner32});
  }
  Calls story;
  story.answers(good);
  story.fetches(4, kScanner);
  CHECK(story.bans == Bans{});
}

TEST_CASE("an answer is a good name for an hour, and the next one for another", "[pipeline][pages]") {
  Calls story;
  story.begins_call(kCustomer);
  story.pass(std::chrono::minutes(50));
  story.answers(answer(kCustomer, stun(kRefreshed, true)));
  story.pass(std::chrono::minutes(59));
  story.fetches(100, kCustomer);
  CHECK(story.bans == Bans{});
  story.pass(std::chrono::minutes(2));
  story.fetches(4, kCustomer);
  CHECK(story.bans == Bans{kCustomer32});
}

TEST_CASE("over IPv6 an answer is a good name for the /64 that is judged", "[pipeline][pages]") {
  Calls story;
  story.begins_call("2001:db8:600d::11");
  story.fetches(100, "2001:db8:600d::12");
  CHECK(story.bans == Bans{});
  story.fetches(4, "2001:db8:600d:1::12");
  CHECK(story.bans == Bans{"2001:db8:600d:1::/64"});
}

TEST_CASE("a page's guesses in a first call are a minute by the hundredth, however often",
          "[pipeline][pages]") {
  Calls story;
  story.begins_call(kCustomer);
  std::size_t banned = 0;
  for (int visit = 0; visit < 3; ++visit) {
    for (int i = 0; i < 9; ++i) story.guesses(10, kCustomer);
    CHECK(story.bans.size() == banned);
    story.guesses(10, kCustomer);
    CHECK(story.bans.size() == ++banned);
    story.pass(std::chrono::minutes(11));
    CHECK(story.pipeline.ledger().earlier_bans(*Prefix::parse(kCustomer)) == 0);
  }
  story.guesses(5, kScanner);  // to whom coturn did not answer so
  CHECK(story.bans.back() == kScanner32);
}
