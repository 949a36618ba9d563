// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_file.hpp"

#include <algorithm>
#include <functional>

#include "detect/record.hpp"
#include "detect/rule_set.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

const std::string kForgeable = "forgeable:\n  - {begins: 'wrong: ', text_bytes: 512}\n";
const std::string kRule =
    "rules:\n"
    "  - name: reset\n"
    "    description: a reset\n"
    "    points: 0.25\n"
    "    session: true\n"
    "    begins: ['TCP error: ']\n"
    "    pattern: 'TCP error: {client}'\n"
    "    examples: ['22: : session 000000000000000001: TCP error: 192.0.2.1:5']\n"
    "    counterexamples: ['22: : session 000000000000000001: TCP error: 192.0.2.1:5 x']\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// All mistakes in one text.
std::string mistakes(const std::string& rules) {
  const auto book = parse_rules(rules + kForgeable, "r.yaml");
  if (book) return "";
  std::string all;
  for (const std::string& problem : book.error()) all += problem + "\n";
  return all;
}

}  // namespace

TEST_CASE("the shipped rules prove themselves", "[detect][rules]") {
  const RuleBook& book = test::shipped_rules();
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  for (std::size_t id = 0; id < book.rules.size(); ++id) {
    const Rule& rule = book.rules[id];
    INFO(rule.name);
    const auto matches = [&](const std::string& line) {
      INFO(line);
      const auto record = parse_record(line, {});
      if (!record) return false;
      const auto event = rules->match(record->message, record->session);
      return event && event->rule == id;
    };
    CHECK(rule.examples.size() >= 2);
    for (const std::string& line : rule.examples) CHECK(matches(line));
    for (const std::string& line : rule.counterexamples) CHECK_FALSE(matches(line));
  }
}

TEST_CASE("a rule is read with all its parts", "[detect][rules]") {
  const auto book = parse_rules(kRule + kForgeable, "r.yaml");
  REQUIRE(book);
  REQUIRE(book->rules.size() == 1);
  CHECK(book->rules[0].name == "reset");
  CHECK(book->rules[0].trait.points == Points{250});
  CHECK(book->rules[0].evidence == Evidence::claimed);
  CHECK(book->rules[0].session);
  REQUIRE(book->forgeable.size() == 1);
  CHECK(book->forgeable[0].text_bytes == 512);
}

TEST_CASE("points are exact thousandths", "[detect][rules]") {
  const auto points = [](const std::string& text) {
    const auto book = parse_rules(replaced(kRule, "0.25", text) + kForgeable, "r.yaml");
    return book ? book->rules[0].trait.points.milli : -1;
  };
  CHECK(points("0.3") == 300);
  CHECK(points("1") == 1000);
  CHECK(points("1000") == 1'000'000);
  CHECK(points("0.001") == 1);
  for (const char* const wrong : {"1000.001", "0.0001", "-1", "1e3", ".5", "1.", "''", "x", "[1]", "99999"})
    CHECK(points(wrong) == -1);
}

TEST_CASE("all mistakes of a rule file are told at once, each with its place", "[detect][rules]") {
  const std::string text =
      replaced(replaced(replaced(kRule, "points: 0.25", "points: many"), "session: true", "sesion: true"),
               "{client}'", "{clinet} ('");
  const std::string told = mistakes(text);
  CHECK(told.find("r.yaml:4:13: \"points\" must be a number") != std::string::npos);
  CHECK(told.find("r.yaml:5:5: unknown key \"sesion\" in a rule, did you mean \"session\"?") !=
        std::string::npos);
  CHECK(told.find("r.yaml:7:14: pattern: unknown placeholder {clinet}, did you mean {client}?") !=
        std::string::npos);
}

TEST_CASE("a rule that does not hold what it says is refused", "[detect][rules]") {
  struct Case {
    const char *from, *to, *told;
  };
  for (const Case& c : {
           Case{"TCP error: {client}'", "TCP error: {client} and {client}'",
                "exactly once, and does so 2 times"},
           Case{"TCP error: {client}'", "TCP error: [0-9.:]+'", "does so 0 times"},
           Case{"TCP error: {client}'", "(TCP) error: {client}'", "write groups as (?:...)"},
           Case{"TCP error: {client}'", "TCP error: {client}['", "missing ]"},
           Case{"TCP error: {client}'", "TCP failure: {client}'",
                "8:16: rule \"reset\": the example does not match"},
           Case{"TCP error: {client}'", "TCP error: {client}.*'",
                "9:23: rule \"reset\": the counterexample matches"},
           Case{"session: true", "session: false", "the example does not match (look at \"session\")"},
           Case{"session: true", "session: yes", "must be true or false"},
           Case{"['TCP error: ']", "['TCP error: ', 'UDP error: ']",
                "6:29: rule \"reset\": no example begins like this"},
           Case{"['TCP error: ']", "[]", "list of at least one"},
           Case{"['TCP error: ']", "['']", "\"begins\" is empty"},
           Case{"['22: : session 000000000000000001: TCP error: 192.0.2.1:5']", "['TCP error: 192.0.2.1:5']",
                "does not begin as a line of coturn's"},
           Case{"name: reset", "name: Reset!", "a-z, 0-9"},
           Case{"description: a reset", "name: other", "\"name\" is given twice"},
           Case{"points: 0.25", "points: 0.25\n    evidence: proven", "claimed or spoofable"},
           Case{"    description: a reset\n", "", "lacks \"description\""},
       }) {
    const std::string told = mistakes(replaced(kRule, c.from, c.to));
    INFO(c.to << "\n" << told);
    CHECK(told.find(c.told) != std::string::npos);
  }
}

TEST_CASE("an example that an earlier rule takes away is a mistake", "[detect][rules]") {
  std::string second = replaced(kRule, "rules:\n", "");
  second = replaced(second, "name: reset", "name: shadowed");
  CHECK(mistakes(kRule + second).find("goes to the rule \"reset\" instead") != std::string::npos);
  CHECK(mistakes(kRule + replaced(kRule, "rules:\n", "")).find("there is a rule \"reset\" already") !=
        std::string::npos);
}

TEST_CASE("what is no rule file at all is refused, not thrown at us", "[detect][rules]") {
  for (const std::string& text :
       {std::string(), std::string("a"), std::string("- a"), std::string("rules: ["),
        std::string("rules: {}\nforgeable: 1\n"), std::string("\xff\xfe"), std::string(10, '\0'),
        std::string(2 << 20, 'a'), std::string(100'000, '[')}) {
    const auto book = parse_rules(text, "r.yaml");
    REQUIRE_FALSE(book);
    CHECK(book.error().front().rfind("r.yaml:", 0) == 0);
  }
  const auto missing = load_rules("/nonexistent/rules.yaml");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().front() == "open /nonexistent/rules.yaml: No such file or directory");
}
