// SPDX-License-Identifier: GPL-3.0-or-later
// Every captured and every hostile log of test/data through the shipped rules (test/data/README.md).
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

constexpr const char* kVictim = "192.0.2.99";
constexpr const char* kOwnTimeFormat = "%d/%b/%Y %H:%M:%S ";

// What grep finds in each log, forged lines (192.0.2.99:1234) left out: "socket error: Connection reset",
// other socket errors, "socket disconnected: ", "proxy protocol violated", "user <> ... reason: general",
// "CLI authentication error: ", "rate-limit exceeded".
struct Expected {
  const char* log;
  int resets, errors, handshakes, proxy, general, admin, floods;
};
constexpr Expected kExpected[] = {
    {"4.17.1-binding.log", 27, 13, 17, 0, 8, 1, 0}, {"4.17.1-default.log", 28, 12, 0, 0, 0, 1, 0},
    {"4.17.1-newts-v.log", 28, 12, 17, 0, 8, 1, 0}, {"4.17.1-oldts-v.log", 25, 15, 15, 0, 8, 1, 0},
    {"4.17.1-oldts.log", 29, 11, 0, 0, 0, 1, 0},    {"4.17.1-proxy-v.log", 1, 0, 0, 2, 2, 0, 0},
    {"4.17.1-rate-v.log", 0, 0, 0, 0, 0, 0, 3},     {"4.17.1-rate.log", 0, 0, 0, 0, 0, 0, 3},
    {"4.17.1-secret-v.log", 0, 0, 0, 0, 0, 0, 0},   {"4.17.1-syslog.log", 27, 13, 20, 0, 8, 1, 0},
    {"4.17.1-verbose.log", 29, 11, 16, 0, 8, 1, 0}, {"4.5.2-binding.log", 38, 0, 26, 0, 8, 1, 0},
    {"4.5.2-default.log", 37, 0, 0, 0, 0, 0, 0},    {"4.5.2-newts-v.log", 40, 0, 20, 0, 8, 1, 0},
    {"4.5.2-secret-v.log", 0, 0, 0, 0, 0, 0, 0},    {"4.5.2-verbose.log", 37, 0, 18, 0, 8, 1, 0},
    {"4.6.1-binding.log", 37, 0, 21, 0, 8, 1, 0},   {"4.6.1-cliadmin.log", 0, 0, 0, 0, 0, 1, 0},
    {"4.6.1-dated.log", 2, 0, 0, 0, 0, 0, 0},       {"4.6.1-default.log", 37, 0, 0, 0, 0, 0, 0},
    {"4.6.1-mobility-v.log", 1, 0, 0, 0, 0, 0, 0},  {"4.6.1-newts-v.log", 37, 0, 23, 0, 8, 1, 0},
    {"4.6.1-newts.log", 37, 0, 0, 0, 0, 0, 0},      {"4.6.1-newtsfmt-v.log", 37, 0, 18, 0, 8, 1, 0},
    {"4.6.1-ports-v.log", 0, 0, 0, 0, 0, 0, 0},     {"4.6.1-proxy-v.log", 1, 0, 0, 2, 2, 0, 0},
    {"4.6.1-proxy.log", 1, 0, 0, 2, 0, 0, 0},       {"4.6.1-secret-v.log", 0, 0, 0, 0, 0, 0, 0},
    {"4.6.1-secret.log", 0, 0, 0, 0, 0, 0, 0},      {"4.6.1-stdout.log", 37, 0, 18, 0, 8, 1, 0},
    {"4.6.1-syslog.log", 37, 0, 18, 0, 8, 1, 0},    {"4.6.1-v4mapped-v.log", 0, 0, 0, 0, 0, 0, 0},
    {"4.6.1-verbose.log", 37, 0, 17, 0, 8, 1, 0},
};

const std::set<std::string> kSpoofable{"challenge-flood", "challenge", "binding-flood",
                                       "mobility-ticket-guess"};

std::vector<std::string> logs_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SOURCE_ROOT) + "/" + directory))
    if (entry.path().extension() == ".log") names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// Sessions that coturn closed for something that is not TURN, although an answer of TURN's stands before.
int spoke_turn(const std::string& log) {
  int sessions = 0;
  for (std::size_t at = 0; (at = log.find("reason: general\n", at)) != std::string::npos; ++at) {
    const std::size_t begin = log.rfind("session ", at);
    const std::size_t answer = log.find(log.substr(begin, 27) + " realm <example.org> user <>: incoming");
    if (answer < begin) ++sessions;
  }
  return sessions;
}

}  // namespace

TEST_CASE("every captured log gives the events that grep finds in it", "[detect][logs]") {
  CHECK(logs_in("test/data/coturn").size() == std::size(kExpected));
  for (const Expected& expected : kExpected) {
    INFO(expected.log);
    const std::string log_name = expected.log;
    Recogniser recogniser = test::make_recogniser(kOwnTimeFormat);
    std::map<std::string, int> all;
    std::map<std::string, int> tainted;
    for (const auto& event :
         test::feed(recogniser, test::read_file(std::string("test/data/coturn/") + expected.log))) {
      if (event.client == kVictim) {
        CHECK(event.evidence == Evidence::tainted);
        continue;
      }
      if (event.points > Points{}) ++all[event.rule];
      if (event.evidence == Evidence::tainted) ++tainted[event.rule];
      if (event.evidence == Evidence::spoofable) CHECK(kSpoofable.count(event.rule) == 1);
    }
    CHECK(all["connection-reset"] == expected.resets);
    CHECK(all["connection-error"] == expected.errors);
    CHECK(all["handshake-failed"] == expected.handshakes);
    CHECK(all["proxy-protocol"] == expected.proxy);
    CHECK(all["admin-password"] == expected.admin);
    CHECK(all["challenge-flood"] == expected.floods);
    // What violated the proxy protocol, or had spoken TURN before, is not counted again.
    const int spoke = spoke_turn(test::read_file("test/data/coturn/" + log_name));
    CHECK(all["http-probe"] == std::max(0, expected.general - expected.proxy - spoke));
    CHECK(tainted["http-probe"] == 0);
    // Without verbose one genuine reset stands so close behind a web-admin request that the request could
    // reach it.
    CHECK(tainted["connection-reset"] <=
          (std::string_view(expected.log).find("default") != std::string_view::npos ? 1 : 0));
    CHECK(tainted["handshake-failed"] == 0);
  }
}

TEST_CASE("what sessions do is found wherever grep finds it", "[detect][logs]") {
  struct Said {
    const char* text;
    const char* not_text;
    std::set<std::string> rules;
  };
  const std::set<std::string> refusals{"challenge", "password-guess", "stale-credential", "secret-mismatch"};
  const std::vector<Said> all{
      {">: incoming packet message processed, error 401: Unauthorized", "", refusals},
      {">: incoming packet ALLOCATE processed, success", " user <>", {"login"}},
      {" processed, error 486: Allocation Quota Reached", "message", {"quota"}},
      {" processed, error 403: Forbidden IP",
       "message",
       {"forbidden-peer", "silent-denial", "forbidden-channel", "loopback-channel"}},
      {" BINDING processed, success", "", {"binding-flood"}},
      {": new, realm=<", "", {"allocation-flood"}},
      {" tcp or tls connected to: ", "", {"connection-flood"}},
      {" socket closed remotely ", "", {"closed-remotely"}},
      {"closed (2nd stage), ",
       "",
       {"closed", "closed-odd", "closed-tcp", "closed-tcp-odd", "http-probe", "tls-plain"}},
      {"https server socket closed: ", "close_ioa", {"web-admin-guess"}},
      {"A peer IP ", "", {"peer-denied", "peer-denied-unnamed", "relay-probe", "relay-probe-unnamed"}},
      {"check_stun_auth: ",
       "wrong ",
       {"credentials-incorrect", "credentials-unknown", "credentials-unnamed", "credentials-unnamed-unknown",
        "stale-credential-error", "secret-mismatch-error"}},
      {" lifetime updated: ", "peer 192.", {"mapped-peer", "mapped-channel"}},
  };
  for (const Expected& expected : kExpected) {
    const std::string log = test::read_file(std::string("test/data/coturn/") + expected.log);
    Recogniser recogniser = test::make_recogniser(kOwnTimeFormat);
    std::map<std::string, int> found;
    for (const auto& event : test::feed(recogniser, log)) ++found[event.rule];
    for (const Said& said : all) {
      INFO(expected.log << ": " << said.text);
      int lines = 0;
      for (std::size_t at = 0; at < log.size();) {
        const std::size_t end = std::min(log.find('\n', at), log.size());
        const std::string_view line = std::string_view(log).substr(at, end - at);
        const bool other = *said.not_text != '\0' && line.find(said.not_text) != std::string_view::npos;
        if (!other && line.find(said.text) != std::string_view::npos) ++lines;
        at = end + 1;
      }
      int events = 0;
      for (const std::string& rule : said.rules) events += found[rule];
      CHECK(events <= lines);
      // up to 4.16 a few stand on the lines that the forging scenario tore apart
      CHECK(events >= lines - (std::string_view(expected.log).substr(0, 4) == "4.17" ? 0 : 3));
    }
  }
}

TEST_CASE("the forged lines of the captured logs are seen, and tainted", "[detect][logs]") {
  for (const char* const log :
       {"4.5.2-verbose.log", "4.6.1-default.log", "4.6.1-newtsfmt-v.log", "4.6.1-syslog.log"}) {
    INFO(log);
    Recogniser recogniser = test::make_recogniser(kOwnTimeFormat);
    int victim = 0;
    for (const auto& event : test::feed(recogniser, test::read_file(std::string("test/data/coturn/") + log)))
      if (event.client == kVictim) ++victim;
    CHECK(victim >= 3);
    CHECK(recogniser.counters().taints >= 3);
    CHECK(recogniser.counters().tainted >= 3);
  }
  Recogniser recogniser = test::make_recogniser();
  test::feed(recogniser, test::read_file("test/data/coturn/4.17.1-verbose.log"));
  CHECK(recogniser.counters().taints == 0);
  CHECK(recogniser.counters().tainted == 0);
}

TEST_CASE("nearly every line of every version and mode is a record", "[detect][logs]") {
  for (const Expected& expected : kExpected) {
    INFO(expected.log);
    const std::string log = test::read_file(std::string("test/data/coturn/") + expected.log);
    Recogniser recogniser = test::make_recogniser(kOwnTimeFormat);
    test::feed(recogniser, log);
    // Known others: blank lines after datagrams and in requests, the banner up to 4.6.1 (11 lines), requests
    // and forgeries (up to 28 lines), and another program's lines on the shared /dev/log.
    std::size_t others = 0;
    std::size_t lines = 0;
    for (std::size_t at = 0; at < log.size(); ++lines) {
      const std::size_t end = std::min(log.find('\n', at), log.size());
      const std::string_view line = std::string_view(log).substr(at, end - at);
      if (line.empty() || line.find(" sshguard[") != std::string_view::npos) ++others;
      at = end + 1;
    }
    const auto& counters = recogniser.counters();
    CHECK(counters.lines == lines);
    CHECK(counters.recognised + counters.unrecognised == counters.lines);
    CHECK(counters.unrecognised <= others + 39);
    if (lines - others > 1000)
      CHECK(static_cast<double>(counters.recognised) >= 0.95 * static_cast<double>(lines - others));
  }
}

TEST_CASE("no hostile log gets the innocent accused, and the offender's lines still count",
          "[detect][logs][hostile]") {
  // Lines of 203.0.113.7 that count. One that ends within the reach of a text stays tainted: that is the
  // price.
  const std::map<std::string, int> counted{
      {"banner.log", 3},          {"bytes.log", 2},         {"foreign.log", 3},        {"glued.log", 2},
      {"glued_deep.log", 2},      {"glued_event.log", 3},   {"glued_overlong.log", 7}, {"inline_4.17.log", 3},
      {"origin_closed.log", 3},   {"origin_packet.log", 3}, {"realm.log", 2},          {"request.log", 2},
      {"ssl_read_error.log", 2},  {"upgrade.log", 4},       {"upgrade_unseen.log", 4}, {"username.log", 4},
      {"wrapped_compose.log", 3}, {"wrapped_cri.log", 3},
  };
  CHECK(logs_in("test/data/hostile").size() == counted.size());
  for (const auto& [name, expected] : counted) {
    INFO(name);
    Recogniser recogniser = test::make_recogniser();
    int offender = 0;
    for (const auto& event : test::feed(recogniser, test::read_file("test/data/hostile/" + name))) {
      INFO(event.line.substr(0, 200));
      if (event.client == kVictim) CHECK(event.evidence == Evidence::tainted);
      if (event.client == "203.0.113.7" && event.evidence == Evidence::claimed) ++offender;
    }
    CHECK(offender == expected);
  }
}
