// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/recogniser.hpp"

#include "detect/record.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

const std::string kReset =
    "session 000000000000000001: TCP socket error: Connection reset by peer 203.0.113.7:5";
const std::string kWrongName = "33: : ERROR: check_stun_auth: wrong username: ";
constexpr std::size_t kLongestName = 512;

// The event of one line, where it is known with the line.
std::optional<Event> take_line(Recogniser& recogniser, const Line& line) {
  std::vector<Event> events;
  recogniser.take(line, Now{}, events);
  return events.empty() ? std::nullopt : std::optional(events.front());
}

// A stream that grows line by line, as a file does.
class Log {
 public:
  explicit Log(Recogniser& recogniser, StreamId stream = 1) : recogniser_(recogniser), stream_(stream) {}

  std::optional<Event> add(const std::string& text) {
    text_ = text;
    const std::uint64_t at = offset_;
    offset_ += text.size() + 1;
    return take_line(recogniser_, Line{text_, stream_, at});
  }
  std::optional<Evidence> evidence(const std::string& text) {
    const auto event = add(text);
    return event ? std::optional(event->evidence) : std::nullopt;
  }
  void skip(std::uint64_t bytes) { offset_ += bytes; }
  void truncate() { offset_ = 0; }

 private:
  Recogniser& recogniser_;
  StreamId stream_;
  std::string text_;
  std::uint64_t offset_ = 0;
};

}  // namespace

TEST_CASE("a line that a rule knows is an event", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  CHECK_FALSE(log.add("590000: : session 000000000000000001: usage: realm=<example.org>, username=<>, rp=0"));
  const auto event = log.add("590556: : ERROR: " + kReset);
  REQUIRE(event);
  CHECK(recogniser.rules().name(event->rule) == "connection-reset");
  CHECK(event->client->address == Address::parse("203.0.113.7"));
  CHECK(event->client->port == 5);
  CHECK(event->session == "000000000000000001");
  CHECK(event->points == Points{1000});
  CHECK(event->evidence == Evidence::claimed);
  CHECK(event->count == 1);
  CHECK(recogniser.last_time_text() == "590556");
  CHECK(recogniser.counters().events == 1);
  CHECK(recogniser.counters().recognised == 2);
}

TEST_CASE("a repeated line counts as often as rsyslog says", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  const auto event = log.add(
      "Nov 22 12:15:38 turn turnserver[811]: message repeated 7 times: [ 22: : ERROR: " + kReset + "]");
  REQUIRE(event);
  CHECK(event->count == 7);
  CHECK(event->evidence == Evidence::claimed);
}

TEST_CASE("taint reaches to the last byte that an attacker can write, and no further", "[detect][taint]") {
  const std::string forged = "7: : ERROR: " + kReset;
  Recogniser recogniser = test::make_recogniser();
  for (const std::size_t beyond : {0U, 1U}) {
    INFO(beyond);
    Log log(recogniser, static_cast<StreamId>(beyond));
    log.add("32: : Relay ports initialization done");
    // The user name, its newline and the line after it end `beyond` bytes behind what coturn would have
    // taken.
    const std::string name(kLongestName - forged.size() - 1 + beyond, 'x');
    CHECK_FALSE(log.add(kWrongName + name));
    CHECK(log.evidence(forged) == (beyond == 0 ? Evidence::tainted : Evidence::claimed));
    CHECK(log.evidence(forged) == Evidence::claimed);
  }
  CHECK(recogniser.counters().taints == 2);
  CHECK(recogniser.counters().tainted == 1);
}

TEST_CASE("from 4.17 on nothing taints", "[detect][taint]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  const std::string time = "2026-11-22T12:06:08.488+0000 ";
  log.add(time + "INFO Relay ports initialization done");
  log.add(time + "ERROR check_stun_auth: wrong username: x");
  CHECK(log.evidence(time + "ERROR " + kReset) == Evidence::claimed);
  CHECK(recogniser.counters().taints == 0);
}

TEST_CASE("what one line of a session counted, its closing does not count again", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  const auto closed = [](const char* session) {
    return std::string("22 INFO session ") + session +
           ": closed (2nd stage), user <> realm <r> origin <>, local 198.51.100.10:3478, remote "
           "203.0.113.7:6, reason: general";
  };
  CHECK(log.evidence("22 ERROR " + kReset) == Evidence::claimed);
  CHECK(log.evidence("22 ERROR " + kReset) ==
        Evidence::claimed);  // two resets are two, whatever their session
  // It still tells whose the session was.
  const auto again = log.add(closed("000000000000000001"));
  REQUIRE(again);
  CHECK(again->points == Points{});
  const auto other = log.add(closed("000000000000000002"));
  REQUIRE(other);
  CHECK(other->points > Points{});
  // Nor does a line that costs nothing count a session.
  CHECK(log.add("22 INFO session 000000000000000003: TCP socket closed remotely 203.0.113.7:6"));
  CHECK(log.add(closed("000000000000000003"))->points > Points{});
  CHECK(recogniser.counters().repeated == 1);
}

TEST_CASE("a line of another format than the file's is tainted", "[detect][format]") {
  const std::vector<std::string> foreign{"7: ERROR: " + kReset,
                                         "7: (1): ERROR: " + kReset,
                                         "7 ERROR " + kReset,
                                         "2026-11-22T12:15:03+0000: ERROR: " + kReset,
                                         "2026-11-22T12:06:08.488+0000 ERROR " + kReset,
                                         "coturn  | 7: : ERROR: " + kReset};
  for (const std::string& line : foreign) {
    INFO(line);
    Recogniser recogniser = test::make_recogniser();
    Log log(recogniser);
    log.add("32: : Relay ports initialization done");
    CHECK(log.evidence(line) == Evidence::tainted);
    CHECK(log.evidence("7: : ERROR: " + kReset) == Evidence::claimed);
    CHECK(recogniser.counters().foreign == 1);
  }
}

TEST_CASE("twenty lines in a row change a file's format, nineteen do not", "[detect][format]") {
  for (const int lines : {19, 20}) {
    Recogniser recogniser = test::make_recogniser();
    Log log(recogniser);
    log.add("32: : Relay ports initialization done");
    for (int i = 0; i < 19; ++i) log.add("32 INFO Relay ports initialization done");
    if (lines == 19) log.add("32: : Relay ports initialization done");  // begins the count anew
    CHECK(log.evidence("33 ERROR " + kReset) == (lines == 20 ? Evidence::claimed : Evidence::tainted));
  }
}

TEST_CASE("coturn's banner changes a file's format at once, a forged one does not", "[detect][format]") {
  for (const char* const banner :
       {"0 INFO log file opened: /var/log/coturn/coturn.log", "0 INFO Coturn Version Coturn-4.17.1 'Gorst'",
        "Version Coturn-4.6.1 'Gorst'"}) {
    INFO(banner);
    Recogniser recogniser = test::make_recogniser();
    Log log(recogniser);
    log.add("32: : Relay ports initialization done");
    log.add(banner);
    CHECK(log.evidence("33 ERROR " + kReset) == Evidence::claimed);

    Log attacked(recogniser, 2);
    attacked.add("32: : Relay ports initialization done");
    attacked.add(kWrongName + "x");
    attacked.add(banner);
    for (int i = 0; i < 4; ++i) CHECK(attacked.evidence("33 ERROR " + kReset) == Evidence::tainted);
  }
}

TEST_CASE("coturn's banner says that it began anew, and which it is", "[detect][recogniser]") {
  struct Case {
    const char *line, *version;
    bool whole;
  };
  for (const Case& c : {
           Case{"Version Coturn-4.6.1 'Gorst'", "4.6.1", false},
           Case{"Version Coturn-4.5.1.1 'dan Eider'", "4.5.1.1", false},
           Case{"0: (7): INFO: Coturn Version Coturn-4.16.0-dev+b1 'Gorst'", "4.16.0-dev+b1", false},
           Case{"2026-11-22T12:05:33.445+0000 INFO Coturn Version Coturn-4.17.1 'Gorst'", "4.17.1", false},
           Case{"0: :  RFC 3489/5389/5766/5780/6062/6156 STUN/TURN Server Version Coturn-4.6.1 'Gorst'",
                "4.6.1", true},
           Case{"0: : log file opened: /var/log/coturn/coturn.log", "", false},  // a rotation does that, too
           Case{"0: : Version", "", false},
           Case{"Version Coturn-12345678901234567890123456789012345 'Gorst'", "", false},
       }) {
    INFO(c.line);
    Recogniser recogniser = test::make_recogniser();
    std::vector<Event> events;
    const auto take = [&](std::string_view text, std::uint64_t offset) {
      recogniser.take(Line{.text = text, .stream = 1, .offset = offset, .log = 5, .whole = c.whole}, Now{},
                      events);
    };
    take("1: : x", 0);
    CHECK_FALSE(recogniser.take_restarted_log());
    take(c.line, 7);
    CHECK(recogniser.take_restarted_log() ==
          (*c.version != 0 ? std::optional<std::uint32_t>(5) : std::nullopt));
    CHECK_FALSE(recogniser.take_restarted_log());
    CHECK(recogniser.version(5) == c.version);
    CHECK(recogniser.version(4).empty());
    // After a wrong user name it proves nothing.
    if (c.whole) continue;
    recogniser.forget(1);
    const std::string wrong = kWrongName + "x";
    take(wrong, 0);
    take("Version Coturn-9.9 'x'", wrong.size() + 1);
    CHECK_FALSE(recogniser.take_restarted_log());
    CHECK(recogniser.version(5) == c.version);
  }
}

TEST_CASE("versions are remembered of so many logs, the latest", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  std::vector<Event> events;
  for (std::uint32_t log = 0; log <= Recogniser::kMaxStreams; ++log)
    recogniser.take(Line{.text = "Version Coturn-4.6.1 'Gorst'", .stream = log, .log = log}, Now{}, events);
  CHECK(recogniser.version(0).empty());
  CHECK(recogniser.version(1) == "4.6.1");
}

TEST_CASE("a REST name's time decides whose line it is", "[detect][recogniser]") {
  RuleBook book;
  book.rules.resize(3);
  book.rules[0].name = "guess";
  book.rules[0].trait.points = Points{600};
  book.rules[0].begins = {"no user <"};
  book.rules[0].pattern = "no user <{user}>";
  book.rules[0].if_expired = "expired";
  book.rules[0].if_unexpired = "unexpired";
  book.rules[1].name = "expired";
  book.rules[1].trait.points = Points{10};
  book.rules[1].evidence = Evidence::spoofable;
  book.rules[2].name = "unexpired";
  Recogniser recogniser = Recogniser::create(RuleSet::create(book).value(), "").value();
  std::uint64_t offset = 0;
  const auto rule_of = [&](const std::string& user, std::int64_t wall) {
    const std::string text = "1: : no user <" + user + ">";
    std::vector<Event> events;
    recogniser.take(Line{text, 1, offset},
                    Now{{}, std::chrono::system_clock::time_point(std::chrono::seconds(wall))}, events);
    offset += text.size() + 1;
    REQUIRE(events.size() == 1);
    CHECK(events[0].points == book.rules[events[0].rule].trait.points);
    CHECK(events[0].evidence == book.rules[events[0].rule].evidence);
    return book.rules[events[0].rule].name;
  };
  constexpr std::int64_t kNow = 1'700'000'000;
  CHECK(rule_of("1699999999:bob", kNow) == "expired");
  CHECK(rule_of("1699999999", kNow) == "expired");
  CHECK(rule_of("1700000000:bob", kNow) == "unexpired");
  CHECK(rule_of("99999999999", kNow) == "unexpired");
  CHECK(rule_of("123456789:a:b", kNow) == "expired");
  for (const char* const name : {"bob", "12345678:bob", "123456789012:bob", "16999999x9:bob",
                                 "1699999999.bob", ":1699999999", "bob:1699999999", "1699999999bob"})
    CHECK(rule_of(name, kNow) == "guess");
  CHECK(rule_of("1699999999:bob", 500) == "guess");  // no clock
}

TEST_CASE("a record that was cut is glued to the next and neither is an event", "[detect][taint]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  log.add("32: : Relay ports initialization done");
  std::string cut = "33: : ERROR: handle_turn_command: Wrong origin format: ";
  cut.resize(kRecordLimitBytes, 'y');
  CHECK_FALSE(log.add(cut + "33: : ERROR: " + kReset));
  CHECK(log.evidence("33: : ERROR: " + kReset) == Evidence::claimed);
}

TEST_CASE("bytes that were never shown taint one record's length", "[detect][taint]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  log.add("32: : Relay ports initialization done");
  log.skip(5000);
  for (std::size_t seen = 0; seen + kReset.size() + 12 <= kRecordLimitBytes; seen += kReset.size() + 13)
    CHECK(log.evidence("33: : ERROR: " + kReset) == Evidence::tainted);
  CHECK(log.evidence("33: : ERROR: " + kReset) == Evidence::claimed);
  CHECK(recogniser.counters().gaps == 1);
  log.skip(1);  // a carriage return
  CHECK(log.evidence("33: : ERROR: " + kReset) == Evidence::claimed);
  CHECK(recogniser.counters().gaps == 1);
}

TEST_CASE("a truncated file begins untainted", "[detect][taint]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  for (int i = 0; i < 100; ++i) log.add("32: : Relay ports initialization done");
  log.add(kWrongName + "x");
  log.truncate();
  CHECK(log.evidence("33: : ERROR: " + kReset) == Evidence::claimed);
}

TEST_CASE("streams do not taint each other, and a forgotten one begins anew", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  Log one(recogniser, 1);
  Log two(recogniser, 2);
  one.add("32: : Relay ports initialization done");
  two.add("32 INFO Relay ports initialization done");
  one.add(kWrongName + "x");
  CHECK(two.evidence("33 ERROR " + kReset) == Evidence::claimed);
  CHECK(one.evidence("33: : ERROR: " + kReset) == Evidence::tainted);
  recogniser.forget(2);
  CHECK(two.evidence("33: : ERROR: " + kReset) == Evidence::claimed);  // any format: it is the first line
  CHECK(one.evidence("33 ERROR " + kReset) == Evidence::tainted);
}

TEST_CASE("only so many streams are remembered, the latest", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  const auto take = [&](StreamId stream, const std::string& text) {
    return take_line(recogniser, Line{text, stream, 0});
  };
  for (StreamId stream = 0; stream < Recogniser::kMaxStreams; ++stream) take(stream, "32: : x");
  take(0, "32: : x");  // used again: not the oldest
  CHECK(recogniser.counters().streams_dropped == 0);
  take(1000, "32: : x");
  CHECK(recogniser.counters().streams_dropped == 1);
  CHECK(take(0, "33 ERROR " + kReset)->evidence == Evidence::tainted);  // its format is known still
  CHECK(take(1, "33 ERROR " + kReset)->evidence == Evidence::claimed);  // this one's is not
}

TEST_CASE("forged lines do not move the replay's clock", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  log.add("590000: : Relay ports initialization done");
  log.add("590001: : ERROR: check_stun_auth: wrong username: x");
  log.add("7: : ERROR: " + kReset);
  CHECK(recogniser.last_time_text() == "590001");
  log.add("8 ERROR " + kReset);
  CHECK(recogniser.last_time_text() == "590001");
}

TEST_CASE("a wrong time format is refused when the recogniser is made", "[detect][recogniser]") {
  CHECK_FALSE(Recogniser::create(RuleSet::create(test::shipped_rules()).value(), "%Q"));
}

TEST_CASE("a new source's streams owe nothing to those of the old one", "[detect][recogniser]") {
  Recogniser recogniser = test::make_recogniser();
  Log old(recogniser);
  old.add("33: : ERROR: check_stun_auth: wrong username: x");
  CHECK(old.evidence("33: : ERROR: " + kReset) == Evidence::tainted);
  recogniser.forget_all();
  Log fresh(recogniser);  // the same number, and another coturn's format
  fresh.skip(40);
  CHECK(fresh.evidence("33: (77): ERROR: " + kReset) == Evidence::claimed);
}
