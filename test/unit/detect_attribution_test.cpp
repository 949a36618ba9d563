// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/attribution.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "model/user_number.hpp"
#include "support/catch.hpp"
#include "support/state_file.hpp"

using namespace coturn_guard;
using namespace coturn_guard::test;
using namespace std::chrono_literals;

namespace {

enum : RuleId {
  kReset,
  kGuess,
  kIncorrect,
  kDenied,
  kLogin,
  kClosed,
  kRemotely,
  kProbe,
  kNobody,
  kMoved,
  kCandidate,
  kConnection,
  kRefreshed,
  kAnswered,
  kRules
};

Rule rule(const char* name, std::int32_t milli) {
  Rule made;
  made.name = name;
  made.trait.points = Points{milli};
  made.begins = {std::string(name) + " "};
  made.pattern = std::string(name) + " {client}";  // never asked here: the events are made by hand
  made.session = true;
  return made;
}

RuleSet rules_without(const std::string& missing = "") {
  RuleBook book;
  book.rules = {rule("reset", 1000),  rule("guess", 600),      rule("incorrect", 600),
                rule("denied", 60),   rule("login", 0),        rule("closed", 0),
                rule("remotely", 0),  rule("probe", 300),      rule("nobody", 600),
                rule("moved", 0),     rule("candidate", 1000), rule("TCP socket closed remotely", 0),
                rule("refreshed", 0), rule("answered", 0)};
  book.rules[kReset].trait.credit = Credit::spares;
  book.rules[kGuess].misdeed = book.rules[kIncorrect].misdeed = "password";
  book.rules[kGuess].trait.distinct = book.rules[kIncorrect].trait.distinct = Distinct::user;
  book.rules[kDenied].trait.distinct = Distinct::peer;
  book.rules[kLogin].login = true;
  book.rules[kClosed].closes = book.rules[kProbe].closes = true;
  book.rules[kNobody].session = false;
  book.rules[kMoved].moves = true;
  book.rules[kRefreshed].refreshes = book.rules[kAnswered].answers_refresh = true;
  book.rules[kConnection].name = "connection";
  book.rules[kCandidate].trait.free = 2;
  book.rules[kCandidate].trait.distinct = Distinct::peer;
  std::erase_if(book.rules, [&](const Rule& of) { return of.name == missing; });
  return RuleSet::create(book).value();
}

Now at(std::chrono::milliseconds time) {
  return Now{std::chrono::steady_clock::time_point(1h + time), std::chrono::system_clock::time_point(time)};
}

std::string digits(std::uint64_t session) {
  const std::string number = std::to_string(session);
  return std::string(18 - number.size(), '0') + number;
}

struct Table {
  Attribution attribution{HashSeed{1, 2}};
  RuleSet rules = rules_without();
  std::chrono::milliseconds time = 0s;

  std::vector<Attributed> take(const Event& event) {
    std::vector<Attributed> out;
    attribution.take(event, rules, at(time), out);
    return out;
  }
  // `client`: "" for a line that names none
  std::vector<Attributed> take(RuleId id, std::uint64_t session, const std::string& client = "",
                               const std::string& user = "", Evidence evidence = Evidence::claimed) {
    const std::string number = digits(session);
    Event event;
    event.rule = id;
    event.session = number;
    if (!client.empty()) event.client = Endpoint::parse(client);
    event.user = user;
    event.points = rules.rules()[id].trait.points;
    event.evidence = evidence;
    return take(event);
  }
  // By a line that tells of a connection.
  std::vector<Attributed> closes_over_tcp(std::uint64_t session, const std::string& client) {
    return take(kConnection, session, client);
  }
  std::vector<Attributed> asks_for(std::uint64_t session, const std::string& peer) {
    const std::string number = digits(session);
    Event event;
    event.rule = kCandidate;
    event.session = number;
    event.peer = Address::parse(peer);
    event.points = rules.rules()[kCandidate].trait.points;
    return take(event);
  }
  const AttributionCounters& counters() const { return attribution.counters(); }
};

std::uint32_t charged(const std::vector<Attributed>& out, RuleId id) {
  std::uint32_t sum = 0;
  for (const Attributed& one : out)
    if (one.event.rule == id && !one.login) sum += one.event.count;
  return sum;
}

bool tells_login(const std::vector<Attributed>& out) {
  return std::any_of(out.begin(), out.end(), [](const Attributed& one) { return one.login; });
}

constexpr const char* kClient = "203.0.113.7:40000";

}  // namespace

TEST_CASE("what a session did waits for the line that names its client", "[detect][attribution]") {
  Table table;
  CHECK(table.take(kGuess, 5, "", "alice").empty());
  CHECK(table.take(kGuess, 5, "", "alice").empty());
  CHECK(table.take(kGuess, 6, "", "bob").empty());
  CHECK(table.attribution.waiting() == 3);
  const auto out = table.take(kClosed, 5, kClient);
  REQUIRE(out.size() == 1);
  CHECK(out[0].event.rule == kGuess);
  CHECK(out[0].event.count == 2);
  CHECK(out[0].event.points == Points{600});
  CHECK(out[0].event.client == Endpoint::parse(kClient));
  CHECK(out[0].event.user.empty());
  CHECK(out[0].event.session.empty());
  CHECK(out[0].what != 0);
  CHECK(table.attribution.sessions() == 1);  // 6 waits
  CHECK(table.attribution.waiting() == 1);
  CHECK(table.counters().charged == 2);
}

TEST_CASE("what waited says how long, what is charged at once does not", "[detect][attribution][waited]") {
  Table table;
  table.take(kGuess, 5, "", "alice");
  table.time += 70s;
  table.take(kDenied, 5);
  table.time += 20s;
  auto out = table.take(kClosed, 5, kClient);
  REQUIRE(out.size() == 2);
  for (const Attributed& each : out) CHECK(each.waited == (each.event.rule == kGuess ? 90s : 20s));
  table.take(kRemotely, 6, kClient);
  out = table.take(kDenied, 6);
  REQUIRE(out.size() == 1);
  CHECK_FALSE(out[0].waited);
}

TEST_CASE("a session whose client is known is charged at once", "[detect][attribution]") {
  Table table;
  CHECK(table.take(kRemotely, 5, kClient).empty());
  const auto out = table.take(kDenied, 5);
  REQUIRE(out.size() == 1);
  CHECK(out[0].event.client->address == Address::parse("203.0.113.7"));
  CHECK(table.counters().charged == 1);
}

TEST_CASE("different users of one session are told apart, the same one is not", "[detect][attribution]") {
  Table table;
  for (const char* const user : {"a", "b", "a", "1800000000:c", "1800000999:c"})
    table.take(kGuess, 5, "", user);
  const auto out = table.take(kClosed, 5, kClient);
  std::map<std::uint64_t, std::uint32_t> counts;
  for (const Attributed& one : out) counts[one.what] += one.event.count;
  CHECK(counts.size() == 3);  // a REST name is the same user at another time
  CHECK(charged(out, kGuess) == 5);
  table.take(kGuess, 9, "", "a");
  CHECK(counts.contains(table.take(kClosed, 9, kClient).at(0).what));  // also in another session
}

TEST_CASE("a REST name is one user's, wherever its time stands, and a bare time is nobody's",
          "[detect][attribution]") {
  Table table;
  const auto number_of = [&](const std::string& user) {
    static std::uint64_t session = 100;
    table.take(kGuess, ++session, "", user);
    return table.take(kClosed, session, kClient).at(0).what;
  };
  const auto mallory = number_of("mallory");
  CHECK(is_named(mallory));
  for (const char* const name : {"1800000000:mallory", "1800000999:mallory", "mallory:1800000999",
                                 "1800000000/mallory", "mallory|180000000"})
    CHECK(number_of(name) == mallory);
  for (const char* const name :
       {"18000000:mallory", "1800000000mallory", "mallory1800000000", "1800000000:mallory:x"})
    CHECK(number_of(name) != mallory);
  std::set<std::uint64_t> bare;
  for (int i = 0; i < 200; ++i) bare.insert(number_of(std::to_string(1'800'000'000 + i)));
  bare.insert(number_of("1800000000:"));
  CHECK(bare.size() <= kBareTimes);
  CHECK(bare.size() > 3);
  CHECK(std::none_of(bare.begin(), bare.end(), is_named));
}

TEST_CASE("of what is joined for want of room nobody is said to have done it",
          "[detect][attribution][hostile]") {
  Table table;
  for (std::size_t i = 0; i < Attribution::kMaxPendingOfSession; ++i)
    table.take(kGuess, 5, "", "user" + std::to_string(i));
  for (int i = 0; i < 100; ++i) table.take(kGuess, 5, "", "victim" + std::to_string(i));
  const auto out = table.take(kClosed, 5, kClient);
  CHECK(charged(out, kGuess) == Attribution::kMaxPendingOfSession + 100);
  for (const Attributed& one : out) CHECK((one.event.count == 1 || one.what == 0));
}

TEST_CASE("of the rules that tell of one misdeed the one that counted most is charged",
          "[detect][attribution]") {
  Table table;
  for (int i = 0; i < 3; ++i) table.take(kIncorrect, 5, "", "alice");
  for (int i = 0; i < 5; ++i) table.take(kGuess, 5, "", "alice");
  auto out = table.take(kClosed, 5, kClient);
  CHECK(charged(out, kGuess) == 5);
  CHECK(charged(out, kIncorrect) == 0);
  CHECK(table.counters().told_twice == 3);

  // also where they are told in turn, of a client who is known
  table.take(kRemotely, 6, kClient);
  std::uint32_t sum = 0;
  for (int i = 0; i < 4; ++i) {
    for (const RuleId id : {kIncorrect, kGuess}) {
      out = table.take(id, 6, "", "alice");
      sum += charged(out, kIncorrect) + charged(out, kGuess);
    }
  }
  CHECK(sum == 4);
  out = table.take(kGuess, 6, "", "alice");
  CHECK(charged(out, kGuess) == 1);  // the difference

  // and where the second kind comes after the first was charged
  for (int i = 0; i < 2; ++i) table.take(kIncorrect, 7, "", "alice");
  CHECK(charged(table.take(kRemotely, 7, kClient), kIncorrect) == 2);
  CHECK(table.take(kGuess, 7, "", "alice").empty());
  CHECK(table.take(kGuess, 7, "", "alice").empty());
  CHECK(charged(table.take(kGuess, 7, "", "alice"), kGuess) == 1);
}

TEST_CASE("a login comes out when the client is known, with the hash of the user", "[detect][attribution]") {
  Table table;
  CHECK(table.take(kLogin, 5, "", "alice").empty());
  const auto first = table.take(kClosed, 5, "192.0.2.11:1");
  REQUIRE(tells_login(first));
  CHECK(first[0].user != 0);
  table.take(kLogin, 6, "", "alice");
  CHECK(table.take(kClosed, 6, "192.0.2.12:1").at(0).user == first[0].user);
  table.take(kLogin, 7, "", "bob");
  CHECK(table.take(kClosed, 7, "192.0.2.12:1").at(0).user != first[0].user);
  // of a known client at once, and only once
  table.take(kRemotely, 8, kClient);
  CHECK(tells_login(table.take(kLogin, 8, "", "alice")));
  CHECK_FALSE(tells_login(table.take(kClosed, 8, kClient)));
}

TEST_CASE("a reset in a session that logged in is excused, also after its end", "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  const auto out = table.take(kReset, 5, kClient);
  CHECK(tells_login(out));
  CHECK(charged(out, kReset) == 0);
  CHECK(table.counters().excused == 1);

  table.take(kLogin, 6, "", "alice");
  table.take(kClosed, 6, kClient);
  table.time += 2s;
  CHECK(table.take(kReset, 6, kClient).empty());  // it had waited for the kernel
  table.time += 10s;
  table.attribution.tick(at(table.time));
  CHECK(charged(table.take(kReset, 6, kClient), kReset) == 1);

  table.take(kGuess, 7, "", "alice");
  CHECK(charged(table.take(kReset, 7, kClient), kReset) == 1);  // failed logins excuse nothing
  CHECK(charged(table.take(kReset, 8, kClient), kReset) == 1);
}

TEST_CASE("no guess is told of a session that logged in before", "[detect][attribution]") {
  Table table;
  table.take(kGuess, 5, "", "alice");
  table.take(kLogin, 5, "", "alice");
  for (int i = 0; i < 10; ++i) table.take(kGuess, 5, "", "alice");  // its credentials ran out
  CHECK(charged(table.take(kClosed, 5, kClient), kGuess) == 1);
  CHECK(table.counters().excused == 10);
}

TEST_CASE("of a long session the worst window is charged, not all at once", "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  const auto wait_for = [&](std::chrono::seconds time) { table.time += time; };
  for (const int count : {2, 7, 3, 1}) {  // denied counts within an hour
    for (int i = 0; i < count; ++i) table.take(kDenied, 5);
    wait_for(1h);
  }
  CHECK(charged(table.take(kClosed, 5, kClient), kDenied) == 7);
  CHECK(table.counters().outdated == 6);
  CHECK(table.attribution.waiting() == 0);
}

TEST_CASE("what a line names itself passes, and takes no memory", "[detect][attribution]") {
  Table table;
  for (std::uint64_t session = 1; session <= 100; ++session)
    CHECK(charged(table.take(kReset, session, kClient), kReset) == 1);
  CHECK(charged(table.take(kProbe, 500, kClient), kProbe) == 1);
  CHECK(table.attribution.sessions() == 0);
  CHECK(table.take(kClosed, 501, kClient).empty());
  CHECK(table.attribution.sessions() == 0);
}

TEST_CASE("an event whose points were taken away still tells whose the session was",
          "[detect][attribution]") {
  Table table;
  table.take(kGuess, 5, "", "alice");
  const std::string number = digits(5);
  Event event;
  event.rule = kProbe;
  event.session = number;
  event.client = Endpoint::parse(kClient);
  const auto out = table.take(event);  // points 0: counted before
  CHECK(charged(out, kGuess) == 1);
  CHECK(charged(out, kProbe) == 0);
  CHECK(table.attribution.sessions() == 0);
}

TEST_CASE("tainted lines tie nothing, end nothing, and charge no session", "[detect][attribution]") {
  Table table;
  table.take(kGuess, 5, "", "alice");
  CHECK(table.take(kClosed, 5, "192.0.2.99:1", "", Evidence::tainted).empty());
  CHECK(table.take(kRemotely, 5, "192.0.2.99:1", "", Evidence::tainted).empty());
  const auto forged = table.take(kReset, 5, "192.0.2.99:1", "", Evidence::tainted);
  REQUIRE(forged.size() == 1);  // counted by who judges, with its evidence
  CHECK(forged[0].event.evidence == Evidence::tainted);
  CHECK(table.take(kGuess, 5, "", "alice", Evidence::tainted).empty());
  CHECK(table.take(kLogin, 5, "", "alice", Evidence::tainted).empty());
  const auto out = table.take(kClosed, 5, kClient);
  CHECK(charged(out, kGuess) == 1);
  CHECK_FALSE(tells_login(out));
}

TEST_CASE("what names nobody is counted", "[detect][attribution]") {
  Table table;
  Event event;
  event.rule = kNobody;
  event.points = Points{600};
  event.count = 3;
  CHECK(table.take(event).empty());
  CHECK(table.counters().unattributed == 3);
  table.take(kGuess, 5, "", "alice");
  table.time += Attribution::kLongestWait + 1s;
  table.attribution.tick(at(table.time));
  CHECK(table.counters().unattributed == 4);
  CHECK(table.attribution.sessions() == 0);
  CHECK(table.take(kClosed, 5, kClient).empty());
}

TEST_CASE("who logged in is remembered longer", "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  table.time += 1h;
  table.attribution.tick(at(table.time));
  CHECK(table.attribution.sessions() == 1);
  table.time += 2h;
  table.attribution.tick(at(table.time));
  CHECK(table.attribution.sessions() == 0);
}

TEST_CASE("session numbers begin again with coturn, and only in its log", "[detect][attribution]") {
  Table table;
  const std::string number = digits(5);
  Event event;
  event.rule = kGuess;
  event.session = number;
  event.points = Points{600};
  event.user = "alice";
  table.take(event);
  event.log = 1;
  table.take(event);
  CHECK(table.attribution.sessions() == 2);
  table.attribution.restarted(0);
  CHECK(table.attribution.sessions() == 1);
  CHECK(table.counters().unattributed == 1);
  CHECK(table.take(kClosed, 5, "192.0.2.11:1").empty());  // log 0: an honest client of the new coturn
  event.rule = kClosed;
  event.client = Endpoint::parse(kClient);
  CHECK(charged(table.take(event), kGuess) == 1);
}

TEST_CASE("the kernel's word for the closing line holds for the session", "[detect][attribution]") {
  Table table;
  table.take(kDenied, 5);
  CHECK(table.take(kClosed, 5, kClient, "", Evidence::proven).at(0).event.evidence == Evidence::proven);
  table.take(kDenied, 6);
  CHECK(table.take(kClosed, 6, kClient).at(0).event.evidence == Evidence::claimed);
}

TEST_CASE("a mobile client's session follows it", "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  CHECK(tells_login(table.take(kRemotely, 5, "192.0.2.11:1")));
  CHECK(tells_login(table.take(kRemotely, 5, "192.0.2.12:1")));
  CHECK(table.take(kDenied, 5).at(0).event.client == Endpoint::parse("192.0.2.12:1"));
}

TEST_CASE("what was done before a session moved waits for a new path that is proven",
          "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  for (int i = 0; i < 3; ++i) table.take(kDenied, 5);
  table.take(kMoved, 5);
  CHECK(table.attribution.waiting() == 3);
  const auto out = table.take(kRemotely, 5, "192.0.2.12:1", "", Evidence::proven);
  CHECK(tells_login(out));
  CHECK(charged(out, kDenied) == 3);
  CHECK(out.back().event.evidence == Evidence::proven);
  CHECK(table.take(kDenied, 5).at(0).event.evidence == Evidence::proven);
  CHECK(table.counters().moved == 0);
}

TEST_CASE("a session moved where the answer to its refresh went over another session's socket",
          "[detect][attribution]") {
  constexpr std::uint64_t kThread = 1'000'000'000'000'000;
  Table table;
  const auto closes = [&](std::uint64_t session) {
    return table.take(kClosed, session, "192.0.2.99:1").back().event.evidence;
  };
  const auto offends = [&](std::uint64_t session) {
    table.take(kLogin, session, "", "alice");
    table.take(kDenied, session);
  };
  offends(kThread + 1);
  table.take(kRefreshed, kThread + 1);
  table.take(kRefreshed, 2 * kThread + 7);  // another thread writes in between
  table.take(kAnswered, kThread + 2);
  CHECK(closes(kThread + 1) == Evidence::spoofable);

  offends(kThread + 3);  // its own answer
  table.take(kRefreshed, kThread + 3);
  table.take(kAnswered, kThread + 3);
  table.take(kAnswered, kThread + 4);  // and one without a refresh
  CHECK(closes(kThread + 3) == Evidence::claimed);
}

TEST_CASE("nobody is charged or credited for a session on a path that is not proven, and it is counted",
          "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  for (int i = 0; i < 3; ++i) table.take(kDenied, 5);
  table.take(kMoved, 5);
  const auto out = table.take(kRemotely, 5, "192.0.2.12:1");
  CHECK_FALSE(tells_login(out));
  CHECK(charged(out, kDenied) == 3);
  CHECK(out.back().event.evidence == Evidence::spoofable);
  CHECK_FALSE(tells_login(table.take(kLogin, 5, "", "alice")));
  CHECK_FALSE(tells_login(table.take(kLogin, 5, "192.0.2.12:1", "alice")));
  CHECK(table.take(kDenied, 5).at(0).event.evidence == Evidence::spoofable);
  CHECK(table.counters().moved == 4);
  CHECK(table.attribution.moved_milli() == 240);
  CHECK(table.counters().unattributed == 0);
}

TEST_CASE("a line about a connection proves a new path, until the session moves again",
          "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  for (int i = 0; i < 3; ++i) table.take(kDenied, 5);
  table.take(kMoved, 5);
  const auto out = table.closes_over_tcp(5, "192.0.2.12:1");
  CHECK(tells_login(out));
  CHECK(charged(out, kDenied) == 3);
  CHECK(out.back().event.evidence == Evidence::claimed);
  // What its last line says of the same client takes nothing from that.
  CHECK(table.take(kRemotely, 5, "192.0.2.12:1").empty());
  CHECK(table.take(kDenied, 5).at(0).event.evidence == Evidence::claimed);
  CHECK(table.take(kRemotely, 5, "192.0.2.12:2").empty());
  CHECK(table.take(kDenied, 5).at(0).event.evidence == Evidence::spoofable);
  table.take(kMoved, 5);
  CHECK(table.take(kRemotely, 5, "198.51.100.99:1").empty());
  CHECK(table.take(kDenied, 5).at(0).event.evidence == Evidence::spoofable);
}

TEST_CASE("an offence whose own line names a path that is not proven is nobody's either",
          "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  table.take(kMoved, 5);
  const auto out = table.take(kProbe, 5, "192.0.2.12:1");
  CHECK(charged(out, kProbe) == 1);
  CHECK(out.at(0).event.evidence == Evidence::spoofable);
  CHECK(table.attribution.moved_milli() == 300);
}

TEST_CASE("what any call has is nothing that a moved session hides", "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  table.asks_for(5, "10.0.0.1");
  table.take(kMoved, 5);
  table.asks_for(5, "10.0.0.2");
  CHECK(charged(table.take(kRemotely, 5, "192.0.2.12:1"), kCandidate) == 2);
  CHECK(table.counters().moved == 2);
  CHECK(table.attribution.moved_milli() == 0);
  table.asks_for(5, "10.0.0.3");
  CHECK(table.attribution.moved_milli() == 1000);
  table.asks_for(5, "10.0.0.4");
  CHECK(table.attribution.moved_milli() == 2000);
}

TEST_CASE("that a path is proven outlives a restart, and that it is not", "[detect][attribution][saved]") {
  for (const bool proven : {true, false}) {
    StateFile file;
    Table before, after;
    before.attribution.begin(at(0s).mono);
    before.take(kMoved, 5);
    if (proven)
      before.closes_over_tcp(5, "192.0.2.12:1");
    else
      before.take(kRemotely, 5, "192.0.2.12:1");
    StateBatch batch;
    before.attribution.save_changes(batch);
    file.apply(batch);
    after.attribution.begin(at(0s).mono);
    std::vector<std::optional<RuleId>> numbers;
    for (RuleId id = 0; id < kRules; ++id) numbers.push_back(id);
    after.attribution.load(file.records(), numbers, at(0s));
    const Evidence evidence = after.take(kDenied, 5).at(0).event.evidence;
    CHECK(evidence == (proven ? Evidence::claimed : Evidence::spoofable));
  }
}

TEST_CASE("a session of which nothing was known moves to a path that is not proven, too",
          "[detect][attribution]") {
  Table table;
  table.take(kMoved, 5);
  table.take(kDenied, 5);
  CHECK(table.take(kRemotely, 5, "192.0.2.12:1").at(0).event.evidence == Evidence::spoofable);
}

TEST_CASE("where the old path is known, it alone has what was done on it", "[detect][attribution]") {
  Table table;
  table.take(kLogin, 5, "", "alice");
  CHECK(tells_login(table.take(kRemotely, 5, "192.0.2.11:1")));
  CHECK(table.take(kDenied, 5).at(0).event.client == Endpoint::parse("192.0.2.11:1"));
  table.take(kMoved, 5);
  CHECK(table.take(kRemotely, 5, "192.0.2.12:1").empty());
}

TEST_CASE("more different things in a session than fit are joined, none is lost", "[detect][attribution]") {
  Table table;
  for (int i = 0; i < 1000; ++i) table.take(kGuess, 5, "", "user" + std::to_string(i));
  const auto out = table.take(kClosed, 5, kClient);
  CHECK(out.size() == Attribution::kMaxPendingOfSession);
  CHECK(charged(out, kGuess) == 1000);
}

TEST_CASE("rules that were loaded anew keep what waits under their name", "[detect][attribution]") {
  Table table;
  table.take(kDenied, 5);
  table.take(kGuess, 5, "", "alice");
  RuleSet fewer = rules_without("guess");
  table.attribution.rules_changed(table.rules, fewer);
  table.rules = std::move(fewer);
  CHECK(table.counters().unattributed == 1);
  const auto out = table.take(kClosed - 1, 5, kClient);
  REQUIRE(out.size() == 1);
  CHECK(table.rules.name(out[0].event.rule) == "denied");
}

TEST_CASE("what the operator switched off is handed on all the same, to be counted",
          "[detect][attribution]") {
  Table table;
  RuleBook book{table.rules.rules(), {}, {}};
  book.rules[kGuess].trait.points = {};
  book.rules[kGuess].off = true;
  table.rules = RuleSet::create(book).value();
  table.take(kGuess, 5, "", "alice");
  CHECK(charged(table.take(kClosed, 5, kClient), kGuess) == 1);
}

TEST_CASE("a million sessions stay within the bound, and those forgotten are counted",
          "[detect][attribution]") {
  Table table;
  constexpr std::uint64_t kMany = 1'000'000;
  table.take(kLogin, kMany + 1, "", "alice");
  for (std::uint64_t session = 1; session <= kMany; ++session) {
    table.take(kGuess, session, "", "a");
    if (session % 2 == 0) table.take(kDenied, session);
  }
  CHECK(table.attribution.sessions() == Attribution::kMaxSessions);
  CHECK(table.attribution.bytes() < 40U << 20);
  CHECK(table.counters().evicted == kMany + 1 - Attribution::kMaxSessions);
  CHECK(table.counters().unattributed + table.attribution.waiting() == kMany + kMany / 2);
  CHECK(tells_login(table.take(kClosed, kMany + 1, "192.0.2.11:1")));  // a flood does not push a login out
  CHECK(charged(table.take(kClosed, kMany, kClient), kGuess) == 1);
  table.time += 1h;
  for (int i = 0; i < 20; ++i) table.attribution.tick(at(table.time));
  CHECK(table.attribution.sessions() <= 1);
  CHECK(table.attribution.waiting() == 0);
}

TEST_CASE("what forged packets can make takes no room from what somebody real did",
          "[detect][attribution][eviction]") {
  Table table;
  for (int i = 0; i < 200; ++i) table.take(kGuess, 1, "", "alice");
  table.take(kLogin, 2, "", "bert");
  table.take(kLogin, 3, "192.0.2.11:1", "carla");
  table.take(kClosed, 3, "192.0.2.11:1");
  for (std::uint64_t session = 10; session < 10 + 2 * Attribution::kMaxSessions; ++session)
    table.take(kDenied, session, "", "", Evidence::spoofable);
  CHECK(table.attribution.sessions() == Attribution::kMaxSessions);
  CHECK(charged(table.take(kClosed, 1, kClient), kGuess) == 200);
  CHECK(tells_login(table.take(kClosed, 2, "192.0.2.12:1")));
  CHECK(table.take(kReset, 3, "192.0.2.11:1").empty());  // its tombstone excuses it
}

TEST_CASE("many sessions with one guess each do not push out one with many",
          "[detect][attribution][eviction]") {
  Table table;
  for (int i = 0; i < 200; ++i) table.take(kGuess, 1, "", "alice");
  for (std::uint64_t session = 10; session < 10 + 2 * Attribution::kMaxSessions; ++session)
    table.take(kGuess, session, "", "a");
  CHECK(charged(table.take(kClosed, 1, kClient), kGuess) == 200);
}

TEST_CASE("what forged packets leave waiting makes room for what somebody real did",
          "[detect][attribution][eviction]") {
  Table table;
  const std::uint64_t sessions = Attribution::kMaxPending / Attribution::kMaxPendingOfSession + 100;
  for (std::uint64_t session = 10; session < 10 + sessions; ++session)
    for (std::size_t user = 0; user < Attribution::kMaxPendingOfSession; ++user)
      table.take(kGuess, session, "", std::to_string(user), Evidence::spoofable);
  for (const char* const user : {"a", "b", "c"}) table.take(kGuess, 1, "", user);
  CHECK(table.take(kClosed, 1, kClient).size() == 3);
  CHECK(table.counters().unattributed + table.attribution.waiting() ==
        sessions * Attribution::kMaxPendingOfSession);
}

TEST_CASE("a flood of logins leaves room for the others", "[detect][attribution]") {
  Table table;
  for (std::uint64_t session = 1; session <= Attribution::kMaxSessions; ++session)
    table.take(kLogin, session, "", "a");
  const std::uint64_t guessing = 10'000'000;
  table.take(kGuess, guessing, "", "a");
  for (std::uint64_t session = 1; session <= 1000; ++session)
    table.take(kLogin, Attribution::kMaxSessions + session, "", "a");
  CHECK(charged(table.take(kClosed, guessing, kClient), kGuess) == 1);
}

TEST_CASE("counts do not wrap, and time that steps back does no harm", "[detect][attribution]") {
  Table table;
  const std::string number = digits(5);
  Event event;
  event.rule = kGuess;
  event.session = number;
  event.points = Points{600};
  event.count = 0xffff'fff0;
  table.take(event);
  table.take(event);
  CHECK(charged(table.take(kClosed, 5, kClient), kGuess) == 0xffff'ffff);
  table.take(kGuess, 6, "", "a");
  table.attribution.tick(at(-30min));
  CHECK(charged(table.take(kClosed, 6, kClient), kGuess) == 1);
}

TEST_CASE("a session outlives a restart, with what waits for its client", "[detect][attribution][saved]") {
  StateFile file;
  const auto begin = at(0s).mono;
  {
    Table table;
    table.attribution.begin(begin);
    CHECK(table.take(kGuess, 1, "", "alice").empty());
    CHECK(table.take(kGuess, 1, "", "bert").empty());
    static_cast<void>(table.take(kLogin, 2, "192.0.2.2:4444", "carla"));
    StateBatch batch;
    table.attribution.save_changes(batch);
    file.apply(batch);
  }
  Table table;
  table.time = 20s;
  table.attribution.begin(begin);
  std::vector<std::optional<RuleId>> numbers;
  for (RuleId id = 0; id < kRules; ++id) numbers.emplace_back(id);
  table.attribution.load(file.records(), numbers, at(table.time));
  CHECK(table.attribution.sessions() == 2);
  CHECK(table.attribution.waiting() == 2);
  const auto charged = table.take(kClosed, 1, "192.0.2.1:4444");
  CHECK(charged.size() == 2);
  // Who logged in is known by his session, and his reset is excused.
  CHECK(table.take(kReset, 2).empty());
  CHECK(table.attribution.counters().excused == 1);

  StateBatch batch;
  table.attribution.save_changes(batch);
  file.apply(batch);
  CHECK(file.size() == table.attribution.sessions());
}

TEST_CASE("sessions that nobody can read are left out and removed", "[detect][attribution][saved]") {
  StateFile file;
  {
    Table table;
    table.attribution.begin(at(0s).mono);
    CHECK(table.take(kGuess, 1, "", "alice").empty());
    StateBatch batch;
    table.attribution.save_changes(batch);
    file.apply(batch);
  }
  file.damage();
  Table table;
  table.attribution.begin(at(0s).mono);
  table.attribution.load(file.records(), {0, 1, 2}, at(0s));
  CHECK(table.attribution.sessions() == 0);
  CHECK(table.attribution.waiting() == 0);
  StateBatch batch;
  table.attribution.save_changes(batch);
  file.apply(batch);
  CHECK(file.size() == 0);
}
