// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_set.hpp"

#include "detect/endings.hpp"
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
  book.forgeable = {{"wrong: ", "", 512, 0, false, ""},
                    {"closed, user <", " origin <", 127, 250, true, ">, "}};
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  const auto wrong = rules->forgeable("wrong: x");
  REQUIRE(wrong);
  CHECK(wrong->begin == 7);
  CHECK(wrong->bytes == 512);
  CHECK(wrong->tail.empty());
  CHECK(rules->forgeable("closed, user <> origin <> origin <>")->begin == 24);
  CHECK(rules->forgeable("closed, user <> origin <")->tail == ">, ");
  CHECK_FALSE(rules->forgeable("closed, user <>"));
  CHECK_FALSE(rules->forgeable("fine"));
  CHECK(rules->forgeable_anywhere("yyywrong: ") == 10 + 512);
  CHECK(rules->forgeable_anywhere("wrong: wrong: ") == 14 + 512);
  CHECK(rules->forgeable_anywhere("x origin <y") == 10 + 127);
  CHECK(rules->forgeable_anywhere("fine") == 0);
}

TEST_CASE("a rule is asked only where the message ends as it can", "[detect][rules]") {
  const Endings endings({"ok", "error 401: Unauthorized"});
  const auto fit = [&](std::string_view message) { return endings.fit(message, MessageTail(message)); };
  CHECK(fit("ok"));
  CHECK(fit("it is all ok"));
  CHECK(fit("error 401: Unauthorized"));
  CHECK_FALSE(fit("k"));
  CHECK_FALSE(fit(""));
  CHECK_FALSE(fit("okay"));
  CHECK_FALSE(fit("error 402: Unauthorized"));  // its last eight bytes are the same
  CHECK_FALSE(fit("thorized"));
  CHECK(Endings({}).fit("", MessageTail("")));

  RuleBook book;
  book.rules = {rule("good", "a ", "a {user} .*"), rule("bad", "a ", "a {user} .*")};
  book.rules[0].ends = {" good"};
  book.rules[1].ends = {" bad", " worse"};
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  CHECK(rules->match("a b good", "")->rule == 0);
  CHECK(rules->match("a b bad", "")->rule == 1);
  CHECK(rules->match("a b worse", "")->rule == 1);
  CHECK_FALSE(rules->match("a b c", ""));
}

TEST_CASE("a message's other addresses and its user are told, too", "[detect][rules]") {
  RuleBook book;
  book.rules = {rule("all", "a ", "a {user} at {endpoint} from {client} to {local} for {peer}"),
                rule("nobody", "b ", "b .*"), rule("user", "c ", "c <{user}>: d")};
  const auto rules = RuleSet::create(book);
  REQUIRE(rules);
  const auto all =
      rules->match("a x<y>:z at 192.0.2.9:1 from 192.0.2.1:5 to [2001:db8::1]:3478 for ::ffff:10.0.0.1", "");
  REQUIRE(all);
  CHECK(all->user == "x<y>:z");
  CHECK(all->client == Endpoint::parse("192.0.2.1:5"));
  CHECK(all->local == Endpoint::parse("[2001:db8::1]:3478"));
  CHECK(all->peer == Address::parse("10.0.0.1"));
  CHECK(rules->match("a x at : from 192.0.2.1:5 to 192.0.2.2:6 for [2001:db8::2]:7", "")->peer ==
        Address::parse("2001:db8::2"));
  for (const char* const wrong : {"a x at : from 192.0.2.1:5 to 192.0.2.2:66666 for 10.0.0.1",
                                  "a x at : from 192.0.2.1:5 to 192.0.2.2:6 for 10.0.0",
                                  "a x y at : from 192.0.2.1:5 to 192.0.2.2:6 for 10.0.0.1"})
    CHECK_FALSE(rules->match(wrong, ""));
  const auto nobody = rules->match("b x", "");
  REQUIRE(nobody);
  CHECK_FALSE(nobody->client);
  CHECK_FALSE(nobody->local);
  CHECK_FALSE(nobody->peer);
  CHECK(nobody->user.empty());
  CHECK_FALSE(rules->match("c <>: d", ""));
  CHECK(rules->match("c <>>: d", "")->user == ">");
  CHECK(rules->match("c <" + std::string(512, '<') + ">: d", ""));
  CHECK_FALSE(rules->match("c <" + std::string(513, '<') + ">: d", ""));
}

TEST_CASE("a number that is no rule's has no points", "[detect][rules]") {
  const auto rules = RuleSet::create({});
  REQUIRE(rules);
  CHECK(rules->name(7) == "?");
  CHECK(rules->trait(7).points == Points{});
  CHECK_FALSE(rules->if_expired(7));
}
