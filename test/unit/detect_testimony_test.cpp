// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/testimony.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

constexpr HashSeed kSeed{1, 2};
constexpr RuleId kReset = 0, kSeen = 1, kUdp = 2, kStrict = 3, kUnread = 4, kBrief = 5, kIdle = 6, kAdmin = 7,
                 kFlood = 8;

RuleSet make_rules() {
  const auto rule = [](const char* name, Witnessed witnessed, Credit credit, KernelSign kernel) {
    Rule made;
    made.name = name;
    made.trait.points = {1000};
    made.trait.credit = credit;
    made.witnessed = witnessed;
    made.kernel = kernel;
    if (kernel == KernelSign::none || kernel == KernelSign::unserved) {
      made.begins = {made.name};
      made.pattern = made.name + " {client}";
    }
    return made;
  };
  RuleBook book;
  book.rules = {rule("reset", Witnessed::exactly, Credit::spares, KernelSign::none),
                rule("seen", Witnessed::seen, Credit::none, KernelSign::none),
                rule("udp", Witnessed::no, Credit::none, KernelSign::none),
                rule("strict", Witnessed::exactly, Credit::none, KernelSign::none),
                rule("unread", Witnessed::no, Credit::spares, KernelSign::reset_unread),
                rule("brief", Witnessed::no, Credit::spares, KernelSign::brief),
                rule("idle", Witnessed::no, Credit::none, KernelSign::idle),
                rule("admin", Witnessed::admin, Credit::none, KernelSign::none),
                rule("flood", Witnessed::no, Credit::none, KernelSign::unserved)};
  return RuleSet::create(book).value();
}

const Endpoint kClient{*Address::parse("203.0.113.5"), 40'551};
const Endpoint kOther{*Address::parse("203.0.113.5"), 40'552};
const Endpoint kVictim{*Address::parse("192.0.2.99"), 1234};

Event line(RuleId rule, const Endpoint& client, Evidence evidence = Evidence::claimed) {
  Event event;
  event.rule = rule;
  event.client = client;
  event.points = {1000};
  event.evidence = evidence;
  return event;
}

Connection end_of(const Endpoint& client, std::uint64_t received = 64, std::uint64_t acked = 0) {
  return {.local = {*Address::parse("198.51.100.10"), 3478},
          .client = client,
          .state = Connection::State::closed,
          .counted = client.port != 0,
          .received_bytes = received,
          .acked_bytes = acked};
}

Connection life_of(const Endpoint& client, std::uint64_t received = 64, std::uint64_t acked = 0) {
  Connection connection = end_of(client, received, acked);
  connection.state = Connection::State::living;
  return connection;
}

// A testimony with its clock; what a call settled is in `settled` until the next one.
class Court {
 public:
  explicit Court(bool sure = true) : testimony(kSeed) {
    testimony.set_witness(true, sure, now());
    pass(2100ms);
    sample();
  }

  [[nodiscard]] Now now() const { return {std::chrono::steady_clock::time_point(time_), {}}; }
  const std::vector<Settled>& take(const Event& event) {
    settled.clear();
    testimony.take(event, rules, now(), settled);
    return settled;
  }
  const std::vector<Settled>& take(const Connection& connection) {
    settled.clear();
    testimony.take(connection, rules, now(), settled);
    return settled;
  }
  // Time passes, and the witness is listened to.
  const std::vector<Settled>& pass(std::chrono::milliseconds duration, bool hear = true) {
    time_ += duration;
    settled.clear();
    if (hear) testimony.heard(now());
    testimony.tick(rules, now(), settled);
    return settled;
  }
  const std::vector<Settled>& sample(const std::vector<Connection>& living = {}) {
    settled.clear();
    const Now begun = now();
    for (const Connection& connection : living) testimony.take(connection, rules, now(), settled);
    testimony.sampled(begun, rules, now(), settled);
    return settled;
  }
  void overflow() {
    testimony.set_witness(false, false, now());
    testimony.set_witness(true, true, now());
  }
  [[nodiscard]] const Settled& only() const {
    REQUIRE(settled.size() == 1);
    return settled.front();
  }
  [[nodiscard]] bool settled_is(RuleId rule, Evidence evidence, std::int32_t milli) const {
    return settled.size() == 1 && settled[0].event.rule == rule && settled[0].event.evidence == evidence &&
           settled[0].event.points == Points{milli} && !settled[0].refuted;
  }

  RuleSet rules = make_rules();
  Testimony testimony;
  std::vector<Settled> settled;

 private:
  std::chrono::steady_clock::duration time_ = 1000s;
};

}  // namespace

TEST_CASE("a reset that the kernel confirms is proven, whichever comes first", "[detect][testimony]") {
  Court court;
  SECTION("the line") {
    CHECK(court.take(line(kReset, kClient)).empty());
    CHECK(court.testimony.waiting() == 1);
    court.take(end_of(kClient));
  }
  SECTION("the event") {
    CHECK(court.take(end_of(kClient)).empty());
    court.pass(2s);
    court.take(line(kReset, kClient));
  }
  CHECK(court.settled_is(kReset, Evidence::proven, 1000));
  CHECK(court.testimony.waiting() == 0);
  CHECK(court.testimony.counters().proven == 1);
  CHECK(court.pass(5s).empty());
}

TEST_CASE("a line about a connection that never was is refuted after two seconds", "[detect][testimony]") {
  Court court;
  const auto evidence = GENERATE(Evidence::claimed, Evidence::tainted);
  CHECK(court.take(line(kReset, kVictim, evidence)).empty());
  court.take(end_of(kClient, 64, 64));
  court.take(end_of({kVictim.address, 1235}, 64, 64));
  CHECK(court.pass(1900ms).empty());
  court.pass(100ms);
  CHECK(court.only().refuted);
  CHECK(court.only().event.client == kVictim);
  CHECK(court.testimony.counters().refuted == 1);
}

TEST_CASE("a tainted line is given back by the very connection, once", "[detect][testimony]") {
  Court court;
  court.take(end_of(kClient));
  Event forged = line(kReset, kClient, Evidence::tainted);
  forged.session = "000000000000000007";
  court.take(forged);
  CHECK(court.settled_is(kReset, Evidence::proven, 1000));
  CHECK(court.only().event.session.empty());  // whose session it was, he may have written himself
  CHECK(court.testimony.counters().given_back == 1);
  court.take(line(kReset, kClient, Evidence::tainted));
  CHECK(court.settled_is(kReset, Evidence::tainted, 1000));
}

TEST_CASE("a line that comes late is explained by its connection, and no longer proven by it",
          "[detect][testimony]") {
  Court court;
  court.take(end_of(kClient, 610, 1160));
  court.pass(2100ms);
  court.take(line(kReset, kClient, Evidence::tainted));
  CHECK(court.settled_is(kReset, Evidence::tainted, 1000));
  court.take(line(kReset, kClient));
  CHECK(court.settled_is(kReset, Evidence::claimed, 500));
}

TEST_CASE("a line of a backlog is not proven by a connection that ended just now", "[detect][testimony]") {
  Court court;
  court.take(end_of(kClient));
  const auto evidence = GENERATE(Evidence::claimed, Evidence::tainted);
  Event old = line(kReset, kClient, evidence);
  old.fresh = false;
  court.take(old);
  CHECK(court.settled_is(kReset, evidence, 1000));
}

TEST_CASE("only a connection that was reset gives a reset line back", "[detect][testimony]") {
  const bool before = GENERATE(false, true);
  Court court;
  Connection connection = end_of(kClient);
  SECTION("not one that never said a word: coturn writes no line about it") {
    connection = end_of(kClient, 0, 200);
  }
  SECTION("not one that died because nothing came back any more") {
    connection.retries = 3;
  }
  SECTION("not one whose bytes the kernel did not count") {
    connection.counted = false;
  }
  SECTION("not one to another port, or that this host opened") {
    connection.foreign = true;
  }
  if (before) {
    CHECK(court.take(line(kReset, kClient, Evidence::tainted)).empty());
    court.take(connection);
  } else {
    court.take(connection);
    court.take(line(kReset, kClient, Evidence::tainted));
  }
  // It is not refuted, either: such a connection may be one of a coturn that we know too little of.
  CHECK(court.settled_is(kReset, Evidence::tainted, 1000));
  CHECK(court.testimony.counters().given_back == 0);
  // And the next one that is reset there is another connection.
  court.take(end_of(kClient));
  court.take(line(kReset, kClient, Evidence::tainted));
  CHECK(court.settled_is(kReset, Evidence::proven, 1000));
}

TEST_CASE("a forged line that came long before its connection ended is not given back",
          "[detect][testimony]") {
  Court court;
  CHECK(court.take(line(kReset, kClient, Evidence::tainted)).empty());
  CHECK(court.pass(3s, false).empty());  // nobody listens to the witness: the line goes on waiting
  court.take(end_of(kClient));
  CHECK(court.settled_is(kReset, Evidence::tainted, 1000));
}

TEST_CASE("what every customer's connection does at its beginning excuses nothing", "[detect][testimony]") {
  Court court;
  RuleBook book{court.rules.rules(), {}, {}};
  book.rules[kUdp].trait.free = 60;  // connection-flood
  court.rules = RuleSet::create(book).value();
  court.take(line(kUdp, kClient));
  court.take(end_of({kClient.address, 0}));
  court.pass(1s);
  CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
}

TEST_CASE("bytes that moved lighten a reset", "[detect][testimony]") {
  Court court;
  SECTION("nothing acknowledged: in full") {
    court.take(end_of(kClient, 40'000, 0));
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::proven, 1000));
  }
  SECTION("a handshake: half") {
    court.take(end_of(kClient, 610, 1160));
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::proven, 500));
  }
  SECTION("many bytes one way: half") {
    court.take(end_of(kClient, 610, 1'000'000));
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::proven, 500));
  }
  SECTION("a call that broke off: nothing") {
    CHECK(court.take(line(kReset, kClient)).empty());
    court.take(end_of(kClient, 16'384, 16'384));
    CHECK(court.settled_is(kReset, Evidence::proven, 0));
    CHECK(court.only().harmless);
    CHECK(court.testimony.counters().harmless == 1);
  }
  SECTION("a rule that spares nobody: in full") {
    court.take(end_of(kClient, 16'384, 16'384));
    court.take(line(kStrict, kClient));
    CHECK(court.settled_is(kStrict, Evidence::proven, 1000));
  }
  SECTION("a kernel that does not count: in full") {
    Connection connection = end_of(kClient);
    connection.counted = false;
    court.take(connection);
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::proven, 1000));
  }
}

TEST_CASE("a line about a connection is proven by its endpoint and kept by its address",
          "[detect][testimony]") {
  Court court;
  SECTION("it ended") {
    court.take(line(kSeen, kClient));
    court.take(end_of(kClient));
    CHECK(court.settled_is(kSeen, Evidence::proven, 1000));
  }
  SECTION("it lives, sampled before") {
    court.sample({life_of(kClient)});
    court.take(line(kSeen, kClient));
    CHECK(court.settled_is(kSeen, Evidence::proven, 1000));
  }
  SECTION("it lives, sampled after") {
    court.take(line(kSeen, kClient));
    court.sample({life_of(kClient)});
    CHECK(court.settled_is(kSeen, Evidence::proven, 1000));
  }
  SECTION("something of the address ended") {
    CHECK(court.take(line(kSeen, kClient)).empty());
    court.sample({life_of(kOther)});
    court.take(end_of({kClient.address, 0}));
    CHECK(court.settled_is(kSeen, Evidence::claimed, 1000));
    court.take(line(kSeen, kClient));
    CHECK(court.settled_is(kSeen, Evidence::claimed, 1000));
  }
}

TEST_CASE("no connection that lives or ended gives a tainted line back that is about no reset",
          "[detect][testimony]") {
  Court court;
  SECTION("it lives") {
    court.sample({life_of(kVictim)});
  }
  SECTION("something of the address ended") {
    court.take(end_of({kVictim.address, 0}));
  }
  SECTION("it was reset") {
    court.take(end_of(kVictim));
  }
  // Whoever writes a line for each port meets the right one, and could do so for as many rules as he likes.
  for (int i = 0; i < 3; ++i) {
    court.take(line(kSeen, kVictim, Evidence::tainted));
    CHECK(court.settled_is(kSeen, Evidence::tainted, 1000));
  }
  CHECK(court.testimony.waiting() == 0);
  CHECK(court.testimony.counters().given_back == 0);
}

TEST_CASE("one reset costs once, whatever forged lines tell of it", "[detect][testimony]") {
  Court court;
  const auto milli_of = [&] {
    std::int32_t sum = 0;
    for (const Settled& settled : court.settled)
      if (settled.event.evidence == Evidence::proven) sum += settled.event.points.milli;
    return sum;
  };
  std::int32_t sum = 0;
  const auto take = [&](const auto& what) {
    court.take(what);
    sum += milli_of();
  };
  SECTION("coturn's line first") {
    take(end_of(kVictim));
    take(line(kReset, kVictim));
    for (const RuleId rule : {kReset, kStrict, kSeen}) take(line(rule, kVictim, Evidence::tainted));
  }
  SECTION("the forged ones first") {
    take(end_of(kVictim));
    for (const RuleId rule : {kReset, kStrict, kSeen}) take(line(rule, kVictim, Evidence::tainted));
    take(line(kReset, kVictim));
  }
  SECTION("and all of them before the reset") {
    for (const RuleId rule : {kReset, kStrict, kSeen}) take(line(rule, kVictim, Evidence::tainted));
    take(line(kReset, kVictim));
    take(end_of(kVictim));
  }
  CHECK(sum == 1000);
}

TEST_CASE("that nobody lives there is believed of two samples after the line", "[detect][testimony]") {
  Court court;
  court.take(line(kSeen, kVictim));
  CHECK(court.pass(3s).empty());
  court.sample();
  CHECK(court.pass(1s).empty());
  court.sample();
  court.pass(1s);
  CHECK(court.only().refuted);
}

TEST_CASE("where the living are not told of, a line goes on as it came", "[detect][testimony]") {
  Court court;
  court.take(line(kSeen, kVictim));
  CHECK(court.pass(9s).empty());
  court.pass(1s);
  CHECK(court.settled_is(kSeen, Evidence::claimed, 1000));
}

TEST_CASE("no line is refuted by a witness that may have missed something", "[detect][testimony]") {
  Court court;
  SECTION("events were dropped while it waited") {
    court.take(line(kReset, kClient));
    court.pass(500ms);
    court.overflow();
    court.pass(500ms);
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
  }
  SECTION("events were dropped before it came") {
    court.overflow();
    court.pass(1900ms);
    court.take(line(kReset, kClient));
    court.pass(2s);
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
  }
  SECTION("but two seconds after that they are") {
    court.overflow();
    court.pass(2s);
    court.take(line(kReset, kClient));
    court.pass(2s);
    CHECK(court.only().refuted);
  }
  SECTION("the witness began while it waited") {
    court.testimony.set_witness(false, false, court.now());
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
    court.testimony.set_witness(true, true, court.now());
    CHECK(court.pass(3s).empty());
  }
  SECTION("it has not been listened to since") {
    court.take(line(kReset, kClient));
    CHECK(court.pass(2s, false).empty());
    CHECK(court.pass(7s, false).empty());
    court.pass(1s, false);
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
  }
  SECTION("the loop stood still: the event is read late") {
    court.take(line(kReset, kClient));
    CHECK(court.pass(6s, false).empty());
    court.take(end_of(kClient));
    CHECK(court.settled_is(kReset, Evidence::proven, 1000));
  }
  SECTION("the line is read late") {
    Event late = line(kReset, kClient);
    late.fresh = false;
    court.take(late);
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
    court.take(line(kUdp, kClient));
    CHECK(court.settled_is(kUdp, Evidence::claimed, 1000));
  }
  SECTION("nobody knows whether it is coturn that listens") {
    Court unsure(false);
    unsure.take(line(kReset, kClient));
    unsure.pass(2s);
    CHECK(unsure.settled_is(kReset, Evidence::claimed, 1000));
    unsure.take(end_of(kOther));
    unsure.take(line(kReset, kOther));
    CHECK(unsure.settled_is(kReset, Evidence::proven, 1000));
    unsure.take(line(kReset, kClient));
    unsure.pass(2s);
    CHECK(unsure.only().refuted);
  }
  SECTION("a line that may be forged makes nobody sure") {
    Court unsure(false);
    unsure.take(end_of(kOther));
    unsure.take(line(kReset, kOther, Evidence::tainted));
    unsure.take(line(kReset, kClient));
    unsure.pass(2s);
    CHECK(unsure.settled_is(kReset, Evidence::claimed, 1000));
  }
  SECTION("it had to forget ends to make room") {
    for (std::uint32_t i = 0; i <= Testimony::kMaxEnded; ++i)
      court.take(end_of({Address::v4(0x0a000000 + i), 1}, 1, 64));
    court.take(line(kReset, kClient));
    court.pass(2s);
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
  }
}

TEST_CASE("an end is remembered for a minute", "[detect][testimony]") {
  Court court;
  court.take(end_of(kClient));
  court.pass(61s);
  court.take(line(kReset, kClient));
  court.pass(2s);
  CHECK(court.only().refuted);
}

TEST_CASE("what waits keeps its texts", "[detect][testimony]") {
  Court court;
  {
    std::string user = "a name that is too long for a small string", session = "000000000000000007";
    Event event = line(kReset, kClient);
    event.user = user;
    event.session = session;
    court.take(event);
    user.assign(user.size(), 'x');
  }
  court.take(end_of(kClient));
  CHECK(court.only().event.user == "a name that is too long for a small string");
  CHECK(court.only().event.session == "000000000000000007");
}

TEST_CASE("too many waiting lines go on as they came", "[detect][testimony]") {
  Court court;
  for (std::size_t i = 0; i < Testimony::kMaxWaiting; ++i) REQUIRE(court.take(line(kReset, kVictim)).empty());
  court.take(line(kReset, kVictim));
  CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
  CHECK(court.testimony.counters().overflowed == 1);
  court.pass(2s);
  CHECK(court.settled.size() == Testimony::kMaxWaiting);
  CHECK(court.testimony.waiting() == 0);

  Event wordy = line(kReset, kVictim);
  const std::string user(1000, 'u');
  wordy.user = user;
  std::size_t waited = 0;
  while (court.take(wordy).empty()) ++waited;
  CHECK(waited == Testimony::kMaxWaitingBytes / user.size());
}

// Whoever forges lines by the thousand must not have the reset of a phone, which the kernel would call
// harmless, judged unseen.
TEST_CASE("lines that may be forged take no room from one that nobody can have forged",
          "[detect][testimony][hostile]") {
  Court court;
  for (std::size_t i = 0; i < Testimony::kMaxWaiting; ++i)
    REQUIRE(court.take(line(kReset, kVictim, Evidence::tainted)).empty());
  court.take(line(kReset, kClient));
  CHECK(court.settled_is(kReset, Evidence::tainted, 1000));  // the oldest of them
  court.take(line(kReset, kVictim, Evidence::tainted));
  CHECK(court.settled_is(kReset, Evidence::tainted, 1000));  // itself
  court.take(end_of(kClient, Testimony::kRealTrafficBytes, Testimony::kRealTrafficBytes));
  CHECK(court.only().harmless);
  CHECK(court.testimony.waiting() == Testimony::kMaxWaiting - 1);
  CHECK(court.testimony.counters().overflowed == 2);
}

TEST_CASE("of two lines about one reset that waited the one that nobody can have forged is proven",
          "[detect][testimony][hostile]") {
  Court court;
  REQUIRE(court.take(line(kReset, kClient, Evidence::tainted)).empty());
  REQUIRE(court.take(line(kReset, kClient)).empty());
  court.take(end_of(kClient));
  REQUIRE(court.settled.size() == 2);
  CHECK(court.settled[0].event.evidence == Evidence::proven);
  CHECK(court.settled[1].event.evidence == Evidence::tainted);
}

TEST_CASE("a connection that was reset unread is told by the kernel alone", "[detect][testimony]") {
  Court court;
  SECTION("at once") {
    court.take(end_of(kClient, 0, 0));
    CHECK(court.settled_is(kUnread, Evidence::proven, 1000));
    CHECK(court.only().event.client == kClient);
    CHECK(court.testimony.counters().signs == 1);
  }
  SECTION("and not twice, should coturn have a line for it after all") {
    court.take(end_of(kClient, 0, 0));
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::proven, 0));
  }
  SECTION("nor before") {
    court.take(line(kReset, kClient));
    court.take(end_of(kClient, 0, 0));
    CHECK(court.settled_is(kReset, Evidence::proven, 1000));
  }
  SECTION("but not when something was sent") {
    CHECK(court.take(end_of(kClient, 1, 0)).empty());
    CHECK(court.take(end_of(kOther, 0, 1)).empty());
  }
  SECTION("and not while coturn goes") {
    court.testimony.set_witness(false, false, court.now());
    CHECK(court.take(end_of(kClient, 0, 0)).empty());
  }
}

TEST_CASE("a connection that was broken off without an answer is brief", "[detect][testimony]") {
  Court court;
  SECTION("a moment later, by its port's end alone") {
    CHECK(court.take(end_of(kClient, 212, 7)).empty());
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
    CHECK(court.only().event.client->address == kClient.address);
  }
  SECTION("not where it was answered") {
    court.take(end_of(kClient, 212, 20));
    CHECK(court.pass(1s).empty());
  }
  SECTION("not where coturn has a line for it, before or after") {
    court.take(line(kReset, kClient));
    court.take(end_of(kClient, 64, 0));
    CHECK(court.settled_is(kReset, Evidence::proven, 1000));
    court.take(end_of(kOther, 64, 0));
    court.take(line(kReset, kOther));
    CHECK(court.settled_is(kReset, Evidence::proven, 1000));
    CHECK(court.pass(1s).empty());
  }
  SECTION("one line excuses one end") {
    court.take(end_of(kClient, 64, 0));
    court.take(line(kSeen, kClient));
    CHECK(court.settled_is(kSeen, Evidence::proven, 1000));
    court.take(end_of(kOther, 64, 0));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
}

TEST_CASE("a connection to an administrators' port gives its line back, where it may be forged",
          "[detect][testimony]") {
  Court court;
  court.testimony.set_admin_ports({{8443, 8443}});
  const auto ended = [](const Endpoint& client, std::uint16_t port) {
    Connection connection = end_of(client, 764, 2112);
    connection.local.port = port;
    return connection;
  };
  SECTION("before the line or after it") {
    court.take(ended(kClient, 8443));
    court.take(line(kAdmin, kClient, Evidence::tainted));
    CHECK(court.settled_is(kAdmin, Evidence::proven, 1000));
    CHECK(court.take(line(kAdmin, kOther, Evidence::tainted)).empty());
    court.take(ended(kOther, 8443));
    CHECK(court.settled_is(kAdmin, Evidence::proven, 1000));
  }
  SECTION("once") {
    court.take(ended(kClient, 8443));
    court.take(line(kAdmin, kClient, Evidence::tainted));
    court.take(line(kAdmin, kClient, Evidence::tainted));
    CHECK(court.only().event.evidence == Evidence::tainted);
  }
  SECTION("not where it was a customer's") {
    court.take(ended(kClient, 5349));
    court.take(line(kAdmin, kClient, Evidence::tainted));
    CHECK(court.only().event.evidence == Evidence::tainted);
    // Whose line it is not takes nothing from the one that it is.
    court.take(line(kReset, kClient, Evidence::tainted));
    CHECK(court.only().event.evidence == Evidence::proven);
  }
  SECTION("not where it was another program's") {
    Connection connection = ended(kClient, 8443);
    connection.foreign = true;
    court.take(connection);
    court.take(line(kAdmin, kClient, Evidence::tainted));
    CHECK(court.only().event.evidence == Evidence::tainted);
  }
  SECTION("nor where nothing was said") {
    Connection connection = ended(kClient, 8443);
    connection.received_bytes = 0;
    court.take(connection);
    court.take(line(kAdmin, kClient, Evidence::tainted));
    CHECK(court.only().event.evidence == Evidence::tainted);
  }
  SECTION("nor for one that never was") {
    court.take(line(kAdmin, kVictim, Evidence::tainted));
    court.pass(2s);
    CHECK(court.only().refuted);
  }
}

TEST_CASE("of all that is told of one connection the worst counts", "[detect][testimony]") {
  Court court;
  court.take(end_of(kClient, 64, 0));
  court.take(line(kSeen, kClient));
  CHECK(court.settled_is(kSeen, Evidence::proven, 1000));
  court.take(line(kReset, kClient));
  CHECK(court.settled_is(kReset, Evidence::proven, 0));
}

TEST_CASE("a connection that coturn closed before it was seen living is brief", "[detect][testimony]") {
  Court court;
  const Endpoint gone{kClient.address, 0};
  SECTION("told a moment later") {
    CHECK(court.take(end_of(gone)).empty());
    court.pass(250ms);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
    CHECK(court.only().event.client == gone);
  }
  SECTION("unless a line tells it better") {
    const bool before = GENERATE(true, false);
    if (before) court.take(line(kUdp, kClient));
    court.take(end_of(gone));
    if (!before) court.take(line(kUdp, kClient));
    CHECK(court.pass(1s).empty());
    CHECK(court.testimony.counters().excused == 1);
    court.take(end_of(gone));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
  SECTION("a tainted line excuses nothing") {
    court.take(end_of(gone));
    court.take(line(kUdp, kClient, Evidence::tainted));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
  SECTION("not where it was seen living") {
    court.sample({life_of(kClient, 128, 200)});
    court.take(end_of(gone));
    CHECK(court.pass(1s).empty());
    CHECK(court.sample().empty());
    CHECK(court.pass(1s).empty());
  }
  SECTION("not where a sample missed it before its end was told") {
    court.sample({life_of(kClient)});
    court.sample();
    court.take(end_of(gone));
    CHECK(court.pass(1s).empty());
  }
  SECTION("behind one that lives on, it is known after the next sample") {
    court.sample({life_of(kOther)});
    court.take(end_of(gone));
    CHECK(court.pass(1s).empty());
    CHECK(court.sample({life_of(kOther)}).empty());
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
  SECTION("more ends than anybody lived are brief at once") {
    court.sample({life_of(kOther)});
    court.take(end_of(gone));
    court.take(end_of(gone));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
  SECTION("one that ended with its port explains nothing") {
    court.sample({life_of(kOther)});
    court.take(end_of(kOther, 64, 64));
    court.take(end_of(gone));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
  SECTION("none before the first sample of an unbroken witness") {
    court.overflow();
    court.take(end_of(gone));
    CHECK(court.pass(1s).empty());
    court.sample();
    court.take(end_of(gone));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
}

TEST_CASE("who gets no answer for half a minute is idle, once", "[detect][testimony]") {
  Court court;
  // Nothing, a header that announces more, a ClientHello drop by drop, garbage.
  const auto received = GENERATE(std::uint64_t{0}, std::uint64_t{20}, std::uint64_t{500'000});
  const auto acked = GENERATE(std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{20});
  for (std::uint64_t second = 0; second < 30; second += 2) {
    CHECK(court.sample({life_of(kClient, received * second / 30, acked)}).empty());
    court.pass(2s);
  }
  court.sample({life_of(kClient, received, acked)});
  if (acked < 20)
    CHECK(court.settled_is(kIdle, Evidence::proven, 1000));
  else
    CHECK(court.settled.empty());
  court.pass(2s);
  CHECK(court.sample({life_of(kClient, received, acked)}).empty());
}

TEST_CASE("who is silent after a TLS handshake is idle, whoever did more is not", "[detect][testimony]") {
  // As coturn 4.6.1 was measured: what the client sent, what coturn answered, in how many segments too many.
  struct Seen {
    const char* what;
    std::uint64_t received, acked;
    std::uint32_t spare_segments;
    bool idle;
  };
  const auto seen = GENERATE(Seen{"a handshake of TLS 1.3, and silence", 610, 1420, 1, true},
                             Seen{"of TLS 1.2", 255, 1420, 1, true},
                             Seen{"with a long chain of certificates", 1900, 4400, 1, true},
                             Seen{"and half a message in drops", 900, 1420, 1, true},
                             Seen{"a Binding request over TLS", 659, 1541, 2, false},
                             Seen{"an allocation over TLS", 796, 1678, 3, false},
                             Seen{"a Binding request over TCP", 20, 92, 0, false},
                             Seen{"an allocation over TCP", 128, 200, 1, false},
                             Seen{"a data connection of RFC 6062", 100, 68, 0, false},
                             Seen{"one that fetched something", 100, 12'000, 0, false},
                             Seen{"a kernel that does not tell", 610, 1420, Connection::kManySegments, false},
                             Seen{"much was fetched", 900, 20'000, 0, false});
  INFO(seen.what);
  Court court;
  Connection connection = life_of(kClient, seen.received, 0);
  court.sample({connection});
  court.pass(2s);
  connection.acked_bytes = seen.acked;
  connection.spare_segments = seen.spare_segments;
  bool idle = false;
  for (int second = 0; second < 70; second += 2) {
    connection.received_bytes += 1;  // drops are no messages
    for (const Settled& settled : court.sample({connection})) {
      CHECK(settled.event.rule == kIdle);
      CHECK_FALSE(idle);
      CHECK(second >= 30);
      idle = true;
    }
    court.pass(2s);
  }
  CHECK(idle == seen.idle);
}

TEST_CASE("a TLS connection that is answered now and then is not idle", "[detect][testimony]") {
  Court court;
  Connection connection = life_of(kClient, 610, 1420);
  connection.spare_segments = 1;
  for (int second = 0; second < 120; second += 2) {
    if (second % 28 == 0) connection.acked_bytes += 60;
    CHECK(court.sample({connection}).empty());
    court.pass(2s);
  }
}

TEST_CASE("a long connection that moves bytes both ways earns credit", "[detect][testimony]") {
  Court court;
  const std::vector<Address> earned{kClient.address};
  court.sample({life_of(kClient, 100, 100)});
  court.pass(10s);
  SECTION("from sixteen kibibytes each way on") {
    court.sample({life_of(kClient, 16'384, 16'383)});
    CHECK(court.testimony.take_busy().empty());
    court.sample({life_of(kClient, 16'384, 16'384)});
    CHECK(court.testimony.take_busy() == earned);
    CHECK(court.testimony.take_busy().empty());
  }
  SECTION("again after a minute and as much traffic") {
    court.sample({life_of(kClient, 20'000, 20'000)});
    CHECK(court.testimony.take_busy() == earned);
    court.pass(59s);
    court.sample({life_of(kClient, 90'000, 36'383)});
    CHECK(court.testimony.take_busy().empty());
    court.pass(1s);
    court.sample({life_of(kClient, 90'000, 36'383)});
    CHECK(court.testimony.take_busy().empty());
    court.sample({life_of(kClient, 90'000, 36'384)});
    CHECK(court.testimony.take_busy() == earned);
  }
  SECTION("not where it offended") {
    court.take(line(kUdp, kClient));
    court.sample({life_of(kClient, 20'000, 20'000)});
    CHECK(court.testimony.take_busy().empty());
  }
  SECTION("a forged line takes nobody's credit") {
    court.take(line(kUdp, kClient, Evidence::tainted));
    court.sample({life_of(kClient, 20'000, 20'000)});
    CHECK(court.testimony.take_busy() == earned);
  }
  SECTION("not before ten seconds") {
    court.sample({life_of(kOther, 100, 100)});
    court.pass(9s);
    court.sample({life_of(kOther, 20'000, 20'000)});
    CHECK(court.testimony.take_busy().empty());
  }
  SECTION("not where nothing moves any more") {
    court.sample({life_of(kOther, 20'000, 20'000)});
    court.pass(20s);
    court.sample({life_of(kOther, 20'000, 30'000)});
    CHECK(court.testimony.take_busy().empty());
  }
}

TEST_CASE("what another program's connections do keeps lines, proves none and is no sign",
          "[detect][testimony]") {
  Court court;
  const auto foreign = [](Connection connection) {
    connection.foreign = true;
    return connection;
  };
  const Endpoint gone{kClient.address, 0};
  SECTION("reset unread") {
    CHECK(court.take(foreign(end_of(kClient, 0, 0))).empty());
    court.take(line(kReset, kClient));
    CHECK(court.settled_is(kReset, Evidence::claimed, 1000));
  }
  SECTION("brief") {
    CHECK(court.take(foreign(end_of(gone))).empty());
    CHECK(court.pass(1s).empty());
    court.take(line(kSeen, kClient));
    CHECK(court.settled_is(kSeen, Evidence::claimed, 1000));
  }
  SECTION("its living ones stand for no end") {
    court.sample({foreign(life_of(kOther))});
    court.sample();
    court.take(end_of(gone));
    court.pass(1s);
    CHECK(court.settled_is(kBrief, Evidence::proven, 1000));
  }
  SECTION("idle") {
    court.sample({foreign(life_of(kClient, 0))});
    court.pass(40s);
    CHECK(court.sample({foreign(life_of(kClient, 0))}).empty());
    court.take(line(kSeen, kClient));
    CHECK(court.settled_is(kSeen, Evidence::claimed, 1000));
  }
  SECTION("busy") {
    court.sample({foreign(life_of(kClient, 100, 100))});
    court.pass(10s);
    court.sample({foreign(life_of(kClient, 20'000, 20'000))});
    CHECK(court.testimony.take_busy().empty());
  }
  SECTION("nor does it tell that it is coturn whom the witness sees") {
    Court unsure(false);
    unsure.take(line(kReset, kClient));
    unsure.take(foreign(end_of(kClient)));
    unsure.take(line(kReset, kVictim));
    unsure.pass(3s);
    CHECK(unsure.settled_is(kReset, Evidence::claimed, 1000));
  }
}

TEST_CASE("who was seen living and is gone with one answer at most is unserved", "[detect][testimony]") {
  struct Seen {
    const char* what;
    std::uint64_t received, acked;
    std::uint32_t spare_segments;
    bool unserved;
  };
  const auto seen = GENERATE(
      Seen{"nothing", 0, 0, 0, true}, Seen{"garbage without an answer", 300, 0, 0, true},
      Seen{"a Binding request over TCP", 20, 92, 0, true},
      Seen{"a handshake of TLS 1.3, and silence", 610, 1420, 1, true},
      Seen{"an allocation over TCP", 128, 200, 1, false}, Seen{"an allocation over TLS", 796, 1678, 3, false},
      Seen{"an answer, by a kernel that counts no segments", 20, 92, Connection::kManySegments, false});
  CAPTURE(seen.what);
  Court court;
  Connection connection = life_of(kClient, seen.received, seen.acked);
  connection.spare_segments = seen.spare_segments;
  for (int sample = 0; sample < 3; ++sample) {
    court.pass(2s);
    CHECK(court.sample({connection}).empty());
  }
  court.pass(2s);
  court.take(end_of({kClient.address, 0}));
  court.sample();
  if (seen.unserved)
    CHECK(court.settled_is(kFlood, Evidence::proven, 1000));
  else
    CHECK(court.settled.empty());
  court.pass(2s);
  CHECK(court.sample().empty());
}

TEST_CASE("a port that is used again between two samples hides no unserved connection",
          "[detect][testimony]") {
  Court court;
  court.pass(2s);
  court.sample({life_of(kClient, 300, 0)});
  court.pass(2s);
  court.sample({life_of(kClient, 20, 0)});
  CHECK(court.settled_is(kFlood, Evidence::proven, 1000));
}

TEST_CASE("of a verbose coturn each unserved connection counts by its line alone", "[detect][testimony]") {
  Court court;
  court.pass(2s);
  court.take(line(kFlood, kOther));
  CHECK(court.settled_is(kFlood, Evidence::claimed, 1000));
  court.pass(1s);
  court.sample({life_of(kClient, 0, 0), life_of(kOther, 0, 0)});
  court.pass(2s);
  court.sample();
  CHECK(court.settled.size() == 1);  // the second one has no line
  court.pass(2min);
  SECTION("a line of long ago stands for none") {
    court.take(line(kFlood, kOther));
    court.pass(30s);
    court.sample({life_of(kClient, 0, 0)});
    court.pass(2s);
    court.sample();
    CHECK(court.settled_is(kFlood, Evidence::proven, 1000));
  }
  SECTION("nor one that may be forged") {
    court.take(line(kFlood, kClient, Evidence::tainted));
    court.sample({life_of(kClient, 0, 0)});
    court.pass(2s);
    court.sample();
    CHECK(court.settled_is(kFlood, Evidence::proven, 1000));
  }
}

TEST_CASE("who is told of otherwise, or may have lived long, is not unserved", "[detect][testimony]") {
  Court court;
  SECTION("it was there before the first sample") {
    court.overflow();
    court.pass(2s);
    court.sample({life_of(kClient, 0, 0)});
  }
  SECTION("it lived for more than a minute") {
    for (int sample = 0; sample < 35; ++sample) {
      court.pass(2s);
      court.sample({life_of(kClient, 0, 0)});
    }
  }
  SECTION("a line told what it did") {
    court.pass(2s);
    court.sample({life_of(kClient, 0, 0)});
    court.take(line(kUdp, kClient));
  }
  SECTION("another program's") {
    Connection connection = life_of(kClient, 0, 0);
    connection.foreign = true;
    court.pass(2s);
    court.sample({connection});
  }
  SECTION("coturn went, and all its connections with it") {
    court.pass(2s);
    court.sample({life_of(kClient, 0, 0)});
    court.overflow();
  }
  court.pass(2s);
  CHECK(court.sample().empty());
}

TEST_CASE("a switched off sign tells nothing", "[detect][testimony]") {
  Court court;
  RuleBook book{court.rules.rules(), {}, {}};
  book.rules[kUnread].trait.points = {};
  court.rules = RuleSet::create(book).value();
  CHECK(court.take(end_of(kClient, 0, 0)).empty());
}

TEST_CASE("memory is bounded under a million addresses", "[detect][testimony]") {
  Court court;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const Endpoint client{Address::v4(0x0a000000 + i), static_cast<std::uint16_t>(i % 3)};
    court.take(end_of(client, i % 5));
    court.take(life_of(client, i % 7));
    court.take(line(i % 4 == 3 ? kReset : static_cast<RuleId>(i % 4), client));
    if (i % 100'000 == 0) court.sample();
  }
  CHECK(court.testimony.bytes() < std::size_t{72} * 1024 * 1024);
  CHECK(court.testimony.waiting() <= Testimony::kMaxWaiting);
}
