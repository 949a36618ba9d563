// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_set.hpp"

#include "detect/literal_index.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

Rule rule(const std::string& name, const std::string& begins, const std::string& pattern) {
  Rule made;
  made.name = name;
  made.trait.points = Points{1000};
  made.begins = {begins};
  made.pattern = pattern;
  return made;
}

std::string winner(const RuleSet& rules, std::string_view message) {
  const auto event = rules.match(message, "");
  return event ? std::string(rules.name(event->rule)) + " " + event->client->address.to_string() : "";
}

}  // namespace

TEST_CASE("the longest literal answers", "[detect][rules]") {
  const LiteralIndex index({"a", "ab", "abc", "b", "\xff"});
  CHECK(index.find("abx") == 1);
  CHECK(index.find("abc") == 2);
  CHECK(index.find("ax") == 0);
  CHECK(index.find("\xff") == 4);
  CHECK(index.find("c") == LiteralIndex::kNone);
  CHECK(index.find("") == LiteralIndex::kNone);
}

TEST_CASE("the first rule of the book that matches has the line", "[detect][rules]") {
  RuleBook book;
  book.rules = {rule("broad", "fail", "fail.* {client}"), rule("narrow", "fail: bad ", "fail: bad {client}"),
                rule("other", "x", "x {client}")};
  auto rules = RuleSet::create(book);
  REQUIRE(rules);
  CHECK(winner(*rules, "fail: bad 192.0.2.1:5") == "broad 192.0.2.1");
  std::swap(book.rules[0], book.rules[1]);
  rules = RuleSet::create(book);
  CHECK(winner(*rules, "fail: bad 192.0.2.1:5") == "narrow 192.0.2.1");
  CHECK(winner(*rules, "fail: good 192.0.2.1:5") == "broad 192.0.2.1");
  CHECK(winner(*rules, "y 192.0.2.1:5").empty());
}

TEST_CASE("many rules that begin alike give the same answers as few", "[detect][rules]") {
  RuleBook book;
  for (int i = 0; i < 40; ++i)
    book.rules.push_back(
        rule("r" + std::to_string(i), "error ", "error " + std::to_string(i / 2) + " {client}"));
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  for (int i = 0; i < 20; ++i)
    CHECK(winner(*rules, "error " + std::to_string(i) + " [2001:db8::1]:5") ==
          "r" + std::to_string(2 * i) + " 2001:db8::1");
  CHECK(winner(*rules, "error 20 192.0.2.1:5").empty());
  CHECK(rules->undecided() == 0);
}

TEST_CASE("only a real address is an offender", "[detect][rules]") {
  RuleBook book;
  book.rules = {rule("plain", "a ", "a {client}"), rule("bare", "b ", "b {client_unbracketed}"),
                rule("portless", "c ", "c {client_address}")};
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  CHECK(winner(*rules, "a 192.0.2.1:5") == "plain 192.0.2.1");
  CHECK(winner(*rules, "a [::ffff:192.0.2.1]:5") == "plain 192.0.2.1");
  CHECK(winner(*rules, "b 2001:db8:bad::32:45881") == "bare 2001:db8:bad::32");
  CHECK(winner(*rules, "c 2001:db8:bad::32") == "portless 2001:db8:bad::32");
  for (const char* const message : {"a 192.0.2.256:5", "a 192.0.2.1:65536", "a [2001:db8::g]:5", "a ",
                                    "a :", "a ::::", "c 192.0.2.1:5", "a 192.0.2.1:5 "})
    CHECK(winner(*rules, message).empty());
}

TEST_CASE("a rule wants its session or wants none", "[detect][rules]") {
  RuleBook book;
  book.rules = {rule("with", "a ", "a {client}"), rule("without", "a ", "a {client}")};
  book.rules[0].session = true;
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  CHECK(rules->match("a 192.0.2.1:5", "000000000000000001")->rule == 0);
  CHECK(rules->match("a 192.0.2.1:5", "000000000000000001")->session == "000000000000000001");
  CHECK(rules->match("a 192.0.2.1:5", "")->rule == 1);
}

TEST_CASE("an attacker's text is found where coturn puts it", "[detect][rules]") {
  RuleBook book;
  book.forgeable = {{"wrong: ", "", 512, 0, false}, {"closed, user <", " origin <", 127, 250, true}};
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  const auto wrong = rules->forgeable("wrong: x");
  REQUIRE(wrong);
  CHECK(wrong->begin == 7);
  CHECK(wrong->bytes == 512);
  CHECK(rules->forgeable("closed, user <> origin <> origin <>")->begin == 24);
  CHECK_FALSE(rules->forgeable("closed, user <>"));
  CHECK_FALSE(rules->forgeable("fine"));
  CHECK(rules->forgeable_anywhere("yyywrong: ") == 10 + 512);
  CHECK(rules->forgeable_anywhere("wrong: wrong: ") == 14 + 512);
  CHECK(rules->forgeable_anywhere("x origin <y") == 10 + 127);
  CHECK(rules->forgeable_anywhere("fine") == 0);
}
