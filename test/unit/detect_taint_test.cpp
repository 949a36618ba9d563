// SPDX-License-Identifier: GPL-3.0-or-later
// Attackers' texts in lines of coturn up to 4.16: what is believed, when, and about whom.
#include "detect/taint.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "detect/record.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

const std::string kVictim = "192.0.2.99";
const std::string kOffender = "203.0.113.7";
const std::string kRealm = "example.org";
const std::string kName = "check_stun_auth: wrong username: ";

// What coturn writes in front of a session's message, by family.
struct Style {
  const char *family, *text;
};
constexpr Style kStyles[] = {{"plain", "93: session "},
                             {"colon", "93: : session "},
                             {"thread", "93: (4711): INFO: session "},
                             {"stamp", "2026-11-22T12:13:25+0000: session "},
                             {"compose", "coturn  | 93: : session "}};

Rule rule(const std::string& name, const std::string& begins, const std::string& pattern) {
  Rule made;
  made.name = name;
  made.trait.points = Points{1000};
  made.session = true;
  made.begins = {begins};
  made.pattern = pattern;
  return made;
}

Recogniser make_recogniser() {
  RuleBook book;
  book.forgeable = test::shipped_rules().forgeable;
  book.rules = {
      rule("reset", "TCP socket error: ", "TCP socket error: [A-Za-z ]+ {client}"),
      rule(
          "closed", "closed (",
          R"(closed \((?:1st|2nd) stage\), user <.*> realm <.+> origin <.*>, local {local}, remote {client}, reason: .*)"),
      rule("guess", "realm <", "realm <[^<>]*> user <{user}>: incoming packet message processed, error 401"),
      rule("login", "realm <", "realm <[^<>]*> user <{user}>: incoming packet ALLOCATE processed, success"),
      rule("guess-with-origin", "origin <",
           "origin <.*> realm <[^<>]*> user <{user}>: incoming packet message processed, error 401"),
      rule("login-with-origin", "origin <",
           "origin <.*> realm <[^<>]*> user <{user}>: incoming packet ALLOCATE processed, success")};
  book.rules[1].closes = true;
  book.rules[3].login = book.rules[5].login = true;
  return Recogniser::create(RuleSet::create(std::move(book)).value(), "").value();
}

// A stream that grows by whole records, as coturn writes them.
class Log {
 public:
  explicit Log(Style style = kStyles[1], StreamId stream = 1) : style_(style), stream_(stream) {
    add("1", "idle");
  }

  // A record of a session. Newlines in it begin lines; wrapped ones get their wrapper.
  void add(const std::string& session, const std::string& message, bool read_up = false) {
    raw(style_.text + std::string(18 - session.size(), '0') + session + ": " + message, read_up);
  }
  // `read_up`: nothing stood behind it when it was read.
  void raw(const std::string& record, bool read_up = false) {
    std::string rest = record;
    for (bool first = true; !rest.empty(); first = false) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string text = (first || !wrapped() ? "" : "coturn  | ") + rest.substr(0, end);
      rest.erase(0, end + 1);
      line(text, read_up && rest.empty());
    }
  }
  void line(const std::string& text, bool ends_record = false) {
    lines_.push_back(text);
    std::vector<Event> events;
    recogniser_.take(
        Line{.text = lines_.back(), .stream = stream_, .offset = offset_, .ends_record = ends_record}, now_,
        events);
    offset_ += text.size() + 1;
    note(events);
  }
  void wait(std::chrono::milliseconds time) {
    now_.mono += time;
    std::vector<Event> events;
    recogniser_.tick(now_, events);
    note(events);
  }
  // What was told since the last time: "rule session client/user", "~" for the tainted.
  std::string told() { return std::exchange(told_, ""); }
  std::string finish() {
    std::vector<Event> events;
    recogniser_.finish(events);
    note(events);
    return told();
  }
  [[nodiscard]] bool wrapped() const { return style_.text[0] == 'c'; }
  [[nodiscard]] std::string forged(const std::string& session, const std::string& message) const {
    const std::string text = style_.text;
    return "\n" + (wrapped() ? text.substr(10) : text) + std::string(18 - session.size(), '0') + session +
           ": " + message;
  }
  Recogniser& recogniser() { return recogniser_; }
  void skip(std::uint64_t bytes) { offset_ += bytes; }
  void truncate() { offset_ = 0; }

 private:
  void note(const std::vector<Event>& events) {
    for (const Event& event : events) {
      told_ += event.evidence == Evidence::tainted ? "~" : "";
      told_ += std::string(recogniser_.rules().name(event.rule)) + " ";
      told_ += event.session.empty()
                   ? "-"
                   : std::string(event.session.substr(event.session.find_first_not_of('0')));
      told_ += event.client ? " " + event.client->address.to_string() : "";
      told_ += event.user.empty() ? "; " : " " + std::string(event.user) + "; ";
    }
  }

  Style style_;
  StreamId stream_;
  Recogniser recogniser_ = make_recogniser();
  Now now_{};
  std::uint64_t offset_ = 0;
  std::deque<std::string> lines_;
  std::string told_;
};

std::string closed(const std::string& origin, const std::string& client,
                   const std::string& reason = "allocation watchdog determined stale session state") {
  return "closed (2nd stage), user <> realm <" + kRealm + "> origin <" + origin +
         ">, local 198.51.100.10:3478, remote " + client + ":40000, reason: " + reason;
}
// The tail of a forged closing.
const std::string kForgedTail = ">, local 1.1.1.1:1, remote " + kVictim + ":1, reason: general";

std::string packet(const std::string& origin, const std::string& user, const std::string& result) {
  return (origin.empty() ? "" : "origin <" + origin + "> ") + "realm <" + kRealm + "> user <" + user +
         ">: incoming packet " + result;
}
const std::string kFailure = "message processed, error 401";
const std::string kSuccess = "ALLOCATE processed, success";

std::string reset(const std::string& client) {
  return "TCP socket error: Connection reset by peer " + client + ":5";
}

}  // namespace

TEST_CASE("an honest closing is believed with the next line beyond its reach, or a second later",
          "[detect][taint]") {
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    log.add("2", closed("", kOffender));
    log.add("3", closed("", kOffender));
    log.add("4", "usage: realm=<" + kRealm + ">, username=<>, rp=1, rb=96, sp=1, sb=100");
    CHECK(log.told() == "closed 2 203.0.113.7; ");
    log.add("4", "usage: and more, so that it ends behind the reach of what stands before it, in any case");
    CHECK(log.told() == "closed 3 203.0.113.7; ");

    log.add("5", closed("http://a", kOffender));
    log.wait(999ms);
    CHECK(log.told().empty());
    log.wait(1ms);
    CHECK(log.told() == "closed 5 203.0.113.7; ");
    log.add("6", closed("", kOffender));
    CHECK(log.told().empty());
    CHECK(log.finish() == "closed 6 203.0.113.7; ");
    CHECK(log.recogniser().counters().taints == 0);
    CHECK(log.recogniser().counters().held == 4);
    CHECK(log.recogniser().counters().forged == 0);
  }
}

TEST_CASE("a burst of closings and resets is believed in its order", "[detect][taint]") {
  Log log;
  std::string expected;
  for (int session = 2; session < 40; ++session) {
    const std::string number = std::to_string(session);
    log.add(number, session % 3 == 0 ? reset(kOffender) : closed("", kOffender));
    expected += (session % 3 == 0 ? "reset " : "closed ") + number + " 203.0.113.7; ";
  }
  CHECK(log.told() + log.finish() == expected);
}

TEST_CASE("a closing whose origin holds a newline accuses nobody", "[detect][taint]") {
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    // The first line is a whole closing, the next ends in coturn's true tail.
    log.add("2", closed(kForgedTail + "\n", kOffender));
    CHECK(log.told() == "~closed 2 192.0.2.99; ");
    log.add("2", closed(kForgedTail + "\nxyz", kOffender));
    CHECK(log.told() == "~closed 2 192.0.2.99; ");
    log.add("2", closed(kForgedTail + "\n1\n\n2: : x\n", kOffender));
    CHECK(log.told() == "~closed 2 192.0.2.99; ");
    CHECK(log.recogniser().counters().forged == 3);
    // A record of its own behind it, too, as long as an origin may be.
    std::string origin = kForgedTail + log.forged("7", "TCP socket error: X " + kVictim);
    origin.resize(127, '9');
    log.add("2", closed(origin, kOffender));
    log.add("3", reset(kOffender));
    const std::string told = log.told() + log.finish();
    INFO(told);
    CHECK(told.find("~closed 2 192.0.2.99") == 0);
    CHECK(told.find("reset 3 203.0.113.7; ") != std::string::npos);
    CHECK(told.find("; reset 7") == std::string::npos);
    CHECK(told.find("; closed") == std::string::npos);
  }
}

TEST_CASE("a newline as the origin's last byte is seen", "[detect][taint]") {
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    std::string origin = kForgedTail;
    origin.insert(0, std::string(126 - origin.size(), 'x'));
    log.add("2", closed(origin + "\n", kOffender));
    CHECK(log.told() + log.finish() == "~closed 2 192.0.2.99; ");
  }
}

TEST_CASE("no two closings fit into an origin without the first being doubted", "[detect][taint]") {
  // The shortest that there can be: coturn's tail makes the second whole, with the first line's number.
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    std::string origin = ">, local ::, remote 1.1.1.1, reason: ";
    origin += log.forged("9", "closed (2nd stage), user <> realm <r> origin <");
    log.add("2", closed(origin, kOffender));
    const std::string told = log.told() + log.finish();
    INFO(told);
    const bool fits = origin.size() <= 127;
    CHECK(fits == (std::string_view(style.family) != "thread" && std::string_view(style.family) != "stamp"));
    if (fits) CHECK(told == "~closed 2 1.1.1.1; ~closed - 203.0.113.7; ");
  }
}

TEST_CASE("what stands in the reach of a forged closing is doubted with it", "[detect][taint]") {
  Log log;
  log.add("2", closed(kForgedTail + log.forged("8", "TCP socket error: X " + kVictim) + "\n", kOffender));
  CHECK(log.told() == "~closed 2 192.0.2.99; ~reset 8 192.0.2.99; ");
}

TEST_CASE("lines that are missing, cut away or too many leave a closing unproven", "[detect][taint]") {
  for (const int how : {0, 1, 2}) {
    INFO(how);
    Log log;
    log.add("2", closed("", kOffender));
    if (how == 0) log.skip(50);
    if (how == 1) log.truncate();
    if (how == 2)
      for (std::size_t i = 0; i <= Taint::kMaxHeld; ++i)
        log.line("1: session 000000000000000002: " + closed("", kOffender));
    log.add("3", "idle");
    CHECK(log.told().find("~closed 2 203.0.113.7; ") == 0);
  }
}

TEST_CASE("an attacker's text ends where the file ended behind its record", "[detect][taint]") {
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    const bool known = !log.wrapped();  // else another program writes the lines, each by itself
    const std::string wrong = std::string(style.text).substr(0, std::string(style.text).find("session"));
    log.raw(wrong + kName + "x", true);
    log.add("2", reset(kOffender));
    CHECK(log.told() == (known ? "reset 2 203.0.113.7; " : "~reset 2 203.0.113.7; "));
    CHECK(log.recogniser().counters().reaches_cut == (known ? 1 : 0));
    // What came with the text is the attacker's, also as the last line before the end.
    log.raw(wrong + kName + "x" + log.forged("3", reset(kVictim)) + log.forged("4", reset(kVictim)), true);
    CHECK(log.told() == "~reset 3 192.0.2.99; ~reset 4 192.0.2.99; ");
    log.add("5", reset(kOffender));
    CHECK(log.told() == (known ? "reset 5 203.0.113.7; " : "~reset 5 203.0.113.7; "));
    // Two records that were read at once.
    log.raw(wrong + kName + "x");
    log.add("6", reset(kOffender), true);
    CHECK(log.told() == "~reset 6 203.0.113.7; ");
  }
}

TEST_CASE("a closing is believed at once where the file ended behind it", "[detect][taint]") {
  Log log;
  log.add("2", closed("", kOffender), true);
  CHECK(log.told() == "closed 2 203.0.113.7; ");
  // Not one that came with more of its record.
  log.add("3", closed(kForgedTail + "\nxyz", kOffender), true);
  CHECK(log.told() == "~closed 3 192.0.2.99; ");
  log.add("5", reset(kOffender));
  CHECK(log.told() == "reset 5 203.0.113.7; ");
}

TEST_CASE("an event that lost its evidence or its session to a text says so", "[detect][taint]") {
  Recogniser recogniser = make_recogniser();
  std::vector<Event> events;
  std::uint64_t offset = 0;
  std::deque<std::string> lines;
  const auto take = [&](const std::string& line) {
    events.clear();
    lines.push_back(line);
    recogniser.take(Line{.text = lines.back(), .stream = 1, .offset = offset}, Now{}, events);
    offset += line.size() + 1;
  };
  const std::string number = "000000000000000007";
  take("93: : session " + number + ": " + reset(kOffender));
  REQUIRE(events.size() == 1);
  CHECK_FALSE(events[0].blinded);
  take("93: : " + kName + "x");
  take("93: : session " + number + ": " + reset(kOffender));
  REQUIRE(events.size() == 1);
  CHECK(events[0].blinded);
  CHECK(recogniser.counters().blinded_bytes == lines.back().size() + 1);
  // Another format than the stream's is no doubt about coturn's own lines.
  take("93: session " + number + ": " + reset(kOffender));
  REQUIRE(events.size() == 1);
  CHECK(events[0].evidence == Evidence::tainted);
  CHECK_FALSE(events[0].blinded);
}

TEST_CASE("who names himself in front of his text accuses himself", "[detect][taint]") {
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    // An origin in each line, as short as can be: nothing proves that they are two records.
    const std::string filler(200, '-');
    for (int i = 0; i < 3; ++i) log.add("2", packet("x", "bob", kFailure));
    log.add("2", filler);
    log.add("2", filler);
    CHECK(log.told() == "guess-with-origin 2 bob; guess-with-origin 2 bob; guess-with-origin 2 bob; ");
    // A login is no accusation: its own origin must be proven first.
    log.add("2", packet("https://example.org", "bob", kSuccess));
    CHECK(log.told().empty());
    log.add("2", filler);
    log.add("2", filler);
    CHECK(log.told() == "login-with-origin 2 bob; ");
  }
}

TEST_CASE("a login out of an origin is none, and accuses nobody else", "[detect][taint]") {
  for (const Style& style : kStyles) {
    INFO(style.family);
    Log log(style);
    // The record's own line shows a success, its true end follows.
    log.add("2", packet("> realm <r> user <bob>: incoming packet " + kSuccess + "\n", "bob", kFailure));
    CHECK(log.told() + log.finish() == "~login-with-origin 2 bob; ");
    // The true end makes an accusation of another session.
    log.add("3", packet("x" + log.forged("8", "origin <x"), "bob", kFailure));
    CHECK(log.told() + log.finish() == "~guess-with-origin 8 bob; ");
    log.add("1", std::string(200, '-'));
    log.add("3", packet("x" + log.forged("8", "origin <x"), "bob", kSuccess));
    CHECK(log.told() + log.finish() == "~login-with-origin 8 bob; ");
    // Of his own he may say what he wants.
    log.add("1", std::string(200, '-'));
    log.add("3", packet("x" + log.forged("3", "origin <x"), "bob", kFailure));
    CHECK(log.told() + log.finish() == "guess-with-origin 3 bob; ");
  }
}

TEST_CASE("a wrong name's reach takes no front from lines that end behind it", "[detect][taint]") {
  Log log;
  log.raw("93: : ERROR: " + kName + std::string(300, 'x'));
  log.add("2", packet("", "bob", kFailure));
  CHECK(log.told() == "~guess 2 bob; ");  // it could be all of the name
  log.add("3", packet("", std::string(150, 'b'), kFailure));
  CHECK(log.told() == "guess 3 " + std::string(150, 'b') + "; ");  // a name with a newline ends with it
}

TEST_CASE("a client at the end of a line counts, a session in its doubtful front does not",
          "[detect][taint]") {
  Log log;
  log.add("2", "origin <x\ny");
  log.add("8", reset(kOffender));
  CHECK(log.told() == "~reset 8 203.0.113.7; ");
  log.add("2", "origin <" + std::string(60, 'x') + "\ny");
  log.add("8", reset(kOffender));
  CHECK(log.told() == "reset - 203.0.113.7; ");
}

TEST_CASE("whole records need no proof", "[detect][taint]") {
  Recogniser recogniser = make_recogniser();
  std::vector<Event> events;
  std::uint64_t offset = 0;
  const auto take = [&](const std::string& text) {
    events.clear();
    recogniser.take(
        Line{.text = text, .stream = 1, .offset = offset, .log = 7, .whole = true, .fresh = false}, Now{},
        events);
    offset += text.size() + 1;
    REQUIRE(events.size() == 1);
    CHECK(events[0].log == 7);
    CHECK_FALSE(events[0].fresh);
    return events[0].evidence;
  };
  CHECK(take("93: : session 000000000000000002: " + closed("x y", kOffender)) == Evidence::claimed);
  CHECK(take("93: : session 000000000000000002: " + reset(kOffender)) == Evidence::claimed);
  CHECK(take("93: : session 000000000000000002: " + packet("x", "bob", kSuccess)) == Evidence::claimed);
  CHECK(take("93 INFO session 000000000000000002: " + reset(kOffender)) == Evidence::claimed);
  offset = 0;
  CHECK(take("93: : session 000000000000000002: " + reset(kOffender)) == Evidence::claimed);
}

TEST_CASE("what waits in a stream that ends is told with the next call", "[detect][taint]") {
  Log log;
  log.add("2", closed("", kOffender));
  log.recogniser().forget(1);
  CHECK(log.told().empty());
  std::vector<Event> events;
  log.recogniser().tick(Now{}, events);
  REQUIRE(events.size() == 1);
  CHECK(events[0].evidence == Evidence::claimed);
  CHECK(events[0].session == "000000000000000002");
  CHECK(events[0].local == Endpoint::parse("198.51.100.10:3478"));
}

TEST_CASE("what waits keeps its rule by name through a reload", "[detect][taint]") {
  Log log;
  log.add("2", closed("", kOffender));
  RuleBook book;
  book.rules = {rule("other", "x", "x {client}"), rule("closed", "y", "y {client}")};
  book.rules[1].trait.points = Points{7};
  log.recogniser().set_rules(RuleSet::create(book).value());
  std::vector<Event> events;
  log.recogniser().finish(events);
  REQUIRE(events.size() == 1);
  CHECK(events[0].rule == 1);
  CHECK(events[0].points == Points{7});

  Log other;
  other.add("2", closed("", kOffender));
  book.rules.pop_back();
  other.recogniser().set_rules(RuleSet::create(book).value());
  CHECK(other.finish().empty());
}
