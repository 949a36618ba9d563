// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/quick_match.hpp"

#include <algorithm>
#include <filesystem>
#include <random>

#include "detect/pattern.hpp"
#include "detect/record.hpp"
#include "support/detect.hpp"

using namespace coturn_guard;

namespace {

// "no", "?" or the groups in brackets.
std::string answer(const std::string& expression, std::string_view text, std::size_t groups = 0) {
  const auto quick = QuickMatch::compile(expression);
  REQUIRE(quick);
  QuickMatch::Groups found;
  switch (quick->match(text, found)) {
    case QuickMatch::Answer::no: return "no";
    case QuickMatch::Answer::unknown: return "?";
    case QuickMatch::Answer::yes: break;
  }
  std::string all = "yes";
  for (std::size_t i = 0; i < groups; ++i) all += " [" + std::string(found[i]) + "]";
  return all;
}

bool same(const std::optional<Event>& a, const std::optional<Event>& b) {
  if (!a || !b) return !a && !b;
  return a->client == b->client && a->local == b->local && a->peer == b->peer && a->user == b->user &&
         a->user.data() == b->user.data();
}

}  // namespace

TEST_CASE("the quick way goes through literals, runs and alternatives", "[detect][rules]") {
  CHECK(answer("abc", "abc") == "yes");
  CHECK(answer("abc", "abcd") == "no");
  CHECK(answer("abc", "ab") == "no");
  CHECK(answer("", "") == "yes");
  CHECK(answer("ab?c", "ac") == "yes");
  CHECK(answer("ab?c", "abbc") == "no");
  CHECK(answer("[a-c]x", "bx") == "yes");
  CHECK(answer("[a-c]x", "abx") == "no");
  CHECK(answer("[a-c]+x", "abx") == "yes");
  CHECK(answer("[a-c]*x", "x") == "yes");
  CHECK(answer("[^a\\]-]*", "b^") == "yes");
  CHECK(answer("[^a\\]-]*", "b]") == "no");
  CHECK(answer("[^a\\]-]*", "-") == "no");
  CHECK(answer("a|b.|", "") == "yes");
  CHECK(answer("a|b.|", "bx") == "yes");
  CHECK(answer("a|b.|", "b\n") == "no");
  CHECK(answer("(?:a|ab)(?:c|bcd)d?", "abcd") == "yes");
  CHECK(answer("\\(x\\)\\.", "(x).") == "yes");
  CHECK(answer("<(.*)>, (.*)", "<a>, b>, c", 2) == "yes [a>, b] [c]");  // greedy
  CHECK(answer("(?:o <.*> )?u <([^ ]+)>: x", "o <> u <a>: x> u <b>>: x", 1) == "yes [b>]");
  CHECK(answer("([a-z]+)([a-z]*)([a-z])", "abc", 3) == "yes [ab] [] [c]");
}

TEST_CASE("what the quick way does not know is RE2's", "[detect][rules]") {
  for (const char* const expression : {"a{2}",        "a*",
                                       "(?:ab)*",     "(?:ab)+",
                                       "a**",         "[a]*?",
                                       "[a]+?",       "a??",
                                       "^a",          "a$",
                                       "\\d",         "\\pN",
                                       "[[:alpha:]]", "[\\d]",
                                       "(?i)a",       "(?P<n>a)",
                                       "(?:(a))",     "(a)?",
                                       "(a)|b",       "(",
                                       ")",           "[",
                                       "[]",          "[b-a]",
                                       "a\\",         "(a)(b)(c)(d)(e)",
                                       "}",           "]"})
    CHECK_FALSE(QuickMatch::compile(expression));
  CHECK_FALSE(QuickMatch::compile(std::string(2000, '(')));
  std::string wide;
  for (int i = 0; i < 1000; ++i) wide += "a?";
  CHECK_FALSE(QuickMatch::compile(wide));
}

TEST_CASE("who writes a line to keep the quick way busy has RE2 to do with", "[detect][rules]") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += ">, b";
  CHECK(answer("<.*>, .*>, .*>, .*>, x", "<" + text) == "?");
  const auto pattern = Pattern::compile("<.*>, .*>, .*>, .*>, {user}");
  REQUIRE(pattern);
  CHECK_FALSE(pattern->match("<" + text + " "));
  CHECK(pattern->match("<" + text)->user == "b");
}

TEST_CASE("the quick way and RE2 say the same of every line and of broken ones", "[detect][rules]") {
  std::vector<Pattern> patterns;
  std::size_t quick = 0;
  for (const Rule& rule : test::shipped_rules().rules) {
    if (rule.begins.empty()) continue;
    patterns.push_back(Pattern::compile(rule.pattern).value());
    quick += QuickMatch::compile(patterns.back().expression()) ? 1U : 0U;
  }
  CHECK(quick + 3 >= patterns.size());  // "{3}" and the like are rare
  std::mt19937 random(4711);
  std::size_t matches = 0;
  const auto compare = [&](std::string_view message) {
    for (const Pattern& pattern : patterns) {
      const auto found = pattern.match(message);
      if (same(found, pattern.match_by_re2(message))) {
        if (found) ++matches;
        continue;
      }
      INFO(pattern.expression() << "\n" << message);
      CHECK(same(found, pattern.match_by_re2(message)));
    }
  };
  const auto below = [&](std::size_t bound) { return random() % bound; };
  const auto break_line = [&](std::string text, const std::string& other) {
    static constexpr std::string_view kBytes = "<>:, ()a9.[]\n\xff";
    for (std::size_t changes = below(4); changes != 0 && !text.empty(); --changes) switch (below(4)) {
        case 0: text[below(text.size())] = kBytes[below(kBytes.size())]; break;
        case 1: text.erase(below(text.size()), below(8)); break;
        case 2: text.insert(below(text.size()), other, below(other.size() + 1), below(60)); break;
        default: text.insert(below(text.size()), 1, kBytes[below(kBytes.size())]);
      }
    return text;
  };
  for (const Rule& rule : test::shipped_rules().rules)
    for (const auto* const lines : {&rule.examples, &rule.counterexamples})
      for (const std::string& line : *lines) {
        const auto record = parse_record(line, {});
        const std::string message(record ? record->message : line);
        compare(message);
        for (int i = 0; i < 20; ++i) compare(break_line(message, message));
      }
  for (const char* const log : {"4.5.2-verbose.log", "4.6.1-verbose.log", "4.17.1-verbose.log"}) {
    const std::string text = test::read_file(std::string("test/data/coturn/") + log);
    std::string before;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (const auto record = parse_record(std::string_view(text).substr(at, end - at), {});
          record && below(8) == 0) {
        compare(record->message);
        compare(break_line(std::string(record->message), before));
        before = record->message;
      }
      at = end + 1;
    }
  }
  CHECK(matches > 500);
}
