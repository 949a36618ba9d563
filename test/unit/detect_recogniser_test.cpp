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

// A stream that grows line by line, as a file does.
class Log {
 public:
  explicit Log(Recogniser& recogniser, StreamId stream = 1) : recogniser_(recogniser), stream_(stream) {}

  std::optional<Event> add(const std::string& text) {
    text_ = text;
    const std::uint64_t at = offset_;
    offset_ += text.size() + 1;
    return recogniser_.take(Line{text_, stream_, at});
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
  CHECK_FALSE(log.add("590000: : session 000000000000000001: TCP socket closed remotely 203.0.113.7:5"));
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

TEST_CASE("a closed line of an old coturn proves nothing by itself, nor against the one after it",
          "[detect][taint]") {
  Recogniser recogniser = test::make_recogniser();
  Log log(recogniser);
  const std::string closed =
      "closed (2nd stage), user <> realm <example.org> origin <>, local 198.51.100.10:3478, remote "
      "203.0.113.7:6, reason: general";
  CHECK(log.evidence("22: : session 000000000000000002: " + closed) == Evidence::tainted);
  CHECK(log.evidence("22: : ERROR: " + kReset) == Evidence::claimed);
  CHECK(recogniser.counters().taints == 0);  // honest clients make that line, too
  Log modern(recogniser, 2);
  CHECK(modern.evidence("22 INFO session 000000000000000002: " + closed) == Evidence::claimed);
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
  CHECK_FALSE(log.add(closed("000000000000000001")));
  CHECK(log.add(closed("000000000000000002")));
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
    return recogniser.take(Line{text, stream, 0});
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
