// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_file.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "detect/record.hpp"
#include "detect/rule_set.hpp"
#include "support/detect.hpp"
#include "support/scratch_directory.hpp"

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
    "    counterexamples: ['22: : session 000000000000000001: TCP error: 192.0.2.1:5 x']\n"
    "    caused_by: client\n";

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
    // one that only takes what another passes on, and the kernel's, have none
    CHECK(rule.examples.size() >= (rule.begins.empty() ? 0 : 2));
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

TEST_CASE("each key of a rule is read", "[detect][rules]") {
  const auto book = parse_rules(
      "rules:\n"
      "  - name: guess\n"
      "    description: d\n"
      "    points: 0.6\n"
      "    caused_by: [client, page]\n"
      "    good_name: {points: 0.03, free: 20, distinct: user}\n"
      "    window: 10m\n"
      "    distinct: user\n"
      "    free: 2\n"
      "    from: 3\n"
      "    points_from: 3\n"
      "    credit: shared\n"
      "    evidence: proven\n"
      "    session: true\n"
      "    unless_counted: true\n"
      "    misdeed: password\n"
      "    if_expired: old-name\n"
      "    if_unexpired: new-name\n"
      "    announced_by: [login]\n"
      "    unannounced: old-name\n"
      "    own_peer: new-name\n"
      "    report: look at it\n"
      "    begins: ['user ']\n"
      "    ends: [' 401']\n"
      "    pattern: 'user <{user}>: {peer} {local} 401'\n"
      "    examples: ['1: session 000000000000000001: user <a>: 10.0.0.1 192.0.2.1:5 401']\n"
      "    counterexamples: ['1: session 000000000000000001: user <a>: 10.0.0.1 192.0.2.1:5 402']\n"
      "  - {name: old-name, description: d, points: 0, caused_by: client, session: true}\n"
      "  - {name: new-name, description: d, points: 0, caused_by: client, credit: none}\n"
      "  - {name: idle, description: d, points: 1, caused_by: client, kernel: idle, credit: spares, free: "
      "3}\n"
      "  - name: login\n"
      "    description: d\n"
      "    points: 0\n"
      "    caused_by: client\n"
      "    witnessed: exactly\n"
      "    session: true\n"
      "    login: true\n"
      "    closes: true\n"
      "    begins: ['in ']\n"
      "    pattern: 'in {user} {client}'\n"
      "    examples: ['1: session 000000000000000001: in a [2001:db8::1]:5']\n"
      "    counterexamples: ['1: session 000000000000000001: in a [2001:db8::1]']\n" +
          kForgeable,
      "r.yaml");
  if (!book) FAIL(book.error().front());
  const Rule& guess = book->rules[0];
  CHECK(guess.trait.points == Points{600});
  CHECK(guess.trait.window == std::chrono::minutes(10));
  CHECK(guess.trait.distinct == Distinct::user);
  CHECK(guess.trait.free == 2);
  CHECK(guess.trait.from == 3);
  CHECK(guess.trait.points_from == Points{3000});
  CHECK(guess.trait.credit == Credit::shared);
  CHECK((guess.trait.caused_by.has(Cause::client) && guess.trait.caused_by.has(Cause::page)));
  CHECK_FALSE((guess.trait.caused_by.has(Cause::partner) || guess.trait.caused_by.has(Cause::forger)));
  CHECK(guess.trait.by_others());
  REQUIRE(guess.trait.good_name);
  CHECK(guess.trait.good_name->points == Points{30});
  CHECK(guess.trait.good_name->free == 20);
  CHECK(guess.trait.good_name->distinct == Distinct::user);
  CHECK(guess.evidence == Evidence::proven);
  CHECK((guess.session && guess.unless_counted && !guess.login && !guess.closes));
  CHECK(guess.misdeed == "password");
  CHECK(guess.if_expired == "old-name");
  CHECK(guess.if_unexpired == "new-name");
  CHECK(guess.announced_by == std::vector<std::string>{"login"});
  CHECK(guess.unannounced == "old-name");
  CHECK(guess.own_peer == "new-name");
  CHECK(guess.report == "look at it");
  CHECK(guess.ends == std::vector<std::string>{" 401"});
  const Rule& idle = book->rules[3];
  CHECK(idle.kernel == KernelSign::idle);
  CHECK(idle.evidence == Evidence::proven);
  const Rule& login = book->rules[4];
  CHECK(login.witnessed == Witnessed::exactly);
  CHECK((login.login && login.closes));
  const auto rules = RuleSet::create(*book);
  REQUIRE(rules);
  CHECK(rules->if_expired(0) == RuleId{1});
  CHECK(rules->if_unexpired(0) == RuleId{2});
  CHECK_FALSE(rules->if_expired(1));
  CHECK(rules->announced_by(0) == std::vector<RuleId>{4});
  CHECK(rules->unannounced(0) == RuleId{1});
  CHECK(rules->own_peer(0) == RuleId{2});
  CHECK_FALSE(rules->own_peer(1));
  CHECK((rules->announces(4) && !rules->announces(0)));
  CHECK(rules->kernel_rule(KernelSign::idle) == RuleId{3});
  CHECK_FALSE(rules->kernel_rule(KernelSign::brief));
  CHECK_FALSE(rules->kernel_rule(KernelSign::none));
}

TEST_CASE("rules that speak of others must find them", "[detect][rules]") {
  const std::string with_user =
      replaced(replaced(replaced(kRule, "TCP error: {client}", "TCP error: {user}"), "points: 0.25",
                        "points: 0.25\n    if_expired: expired"),
               "000001: TCP error: 192.0.2.1:5 x", "000001: TCP error: 192.0.2.1:5 x y");
  CHECK(mistakes(with_user + "  - {name: expire, description: d, points: 1, caused_by: client}\n")
            .find("2:5: rule \"reset\": there is no rule \"expired\", did you mean \"expire\"?") !=
        std::string::npos);
  CHECK(mistakes(with_user + "  - {name: expired, description: d, points: 1, caused_by: client}\n").empty());
  CHECK(mistakes(with_user +
                 "  - {name: expired, description: d, points: 1, caused_by: client, kernel: idle}\n")
            .find("cannot take its lines") != std::string::npos);
  CHECK(mistakes(kRule + "  - {name: lost, description: d, points: 1, caused_by: client}\n")
            .find("r.yaml:11:5: rule \"lost\" lacks \"begins\" and \"pattern\", and no other") !=
        std::string::npos);
  CHECK(mistakes(kRule + "  - {name: a, description: d, points: 1, caused_by: client, kernel: idle}\n"
                         "  - {name: b, description: d, points: 1, caused_by: client, kernel: idle}\n")
            .find("\"a\" is for the same sign of the kernel's") != std::string::npos);
  CHECK(mistakes(kRule +
                 "  - {name: a, description: d, points: 1, caused_by: client, kernel: idle, session: true}\n")
            .find("\"session\" is for lines") != std::string::npos);
  CHECK(mistakes(
            kRule +
            "  - {name: a, description: d, points: 1, caused_by: client, kernel: idle, evidence: claimed}\n")
            .find("what the kernel tells is proven") != std::string::npos);
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
                "the pattern names the offender twice, at {client} again"},
           Case{"TCP error: {client}'", "TCP error: {client} of {client_address}'", "the offender twice"},
           Case{"TCP error: {client}'", "TCP error: {user} {user}'", "the user twice"},
           Case{"points: 0.25", "points: 0.25\n    window: 10", "\"window\": 10 has no unit"},
           Case{"points: 0.25", "points: 0.25\n    window: 0s", "longer than nothing"},
           Case{"points: 0.25", "points: 0.25\n    free: 0", "\"free\" must be 1 to 1000"},
           Case{"points: 0.25", "points: 0.25\n    from: 3\n    points_from: 1", "say of what with"},
           Case{"points: 0.25", "points: 0.25\n    distinct: session\n    from: 3", "needs \"points_from\""},
           Case{"points: 0.25", "points: 0.25\n    points_from: 3", "needs \"from\""},
           Case{"points: 0.25", "points: 0.25\n    distinct: user", "needs {user} in the pattern"},
           Case{"points: 0.25", "points: 0.25\n    distinct: peer", "needs {peer} in the pattern"},
           Case{"points: 0.25", "points: 0.25\n    distinct: peers",
                "must be user, peer or session, did you mean peer?"},
           Case{"points: 0.25", "points: 0.25\n    credit: spare", "did you mean spares?"},
           Case{"points: 0.25", "points: 0.25\n    taken_back_after: [login]", "needs \"taken_back_by\""},
           Case{"points: 0.25", "points: 0.25\n    login: true", "a login is no offence"},
           Case{"    session: true\n", "    misdeed: a\n", "\"misdeed\" needs \"session: true\""},
           Case{"points: 0.25", "points: 0.25\n    if_expired: other", "needs {user} in the pattern"},
           Case{"points: 0.25", "points: 0.25\n    own_peer: other", "needs {peer} in the pattern"},
           Case{"{client}'\n", "{client}'\n    ends: ['2.1:5', 'x']\n",
                "8:21: rule \"reset\": no example ends like this"},
           Case{"points: 0.25", "points: 0.25\n    kernel: idle",
                "\"begins\" is for lines, and the kernel writes none"},
           Case{"{client}'", "[0-9.]+:5'\n    witnessed: seen", "needs {client}, {client_unbracketed} or"},
           Case{"{client}'", "{client_address}:5'\n    witnessed: exactly", "needs {client} or {client_unb"},
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
           Case{"points: 0.25", "points: 0.25\n    evidence: tainted",
                "must be claimed, spoofable or proven"},
           Case{"    description: a reset\n", "", "lacks \"description\""},
           Case{"    caused_by: client\n", "", "2:5: a rule lacks \"caused_by\""},
           Case{"caused_by: client", "caused_by: clients", "10:16: \"caused_by\" must be client, page,"},
           Case{"caused_by: client", "caused_by: [page, partners]", "10:23: \"caused_by\" must be client, "},
           Case{"caused_by: client", "caused_by: []", "10:16: \"caused_by\" must be 1 to 5 words"},
           Case{"caused_by: client", "caused_by: {client: 1}", "10:16: \"caused_by\" must be client,"},
           Case{"caused_by: client", "caused_by: [client, forger]",
                "10:16: what a forger can cause proves nothing: it needs \"evidence: spoofable\""},
           Case{"points: 0.25", "points: 0.25\n    evidence: spoofable",
                "11:16: what is spoofable is caused by a \"forger\", too"},
           Case{"caused_by: client", "caused_by: client\n    good_name: {points: 1}",
                "11:16: \"good_name\" is for what a page or a partner can cause"},
           Case{"caused_by: client", "caused_by: page\n    good_name: {free: 1}",
                "\"good_name\" lacks \"points\""},
           Case{"caused_by: client", "caused_by: page\n    good_name: 1", "\"good_name\" must be a map"},
           Case{"caused_by: client", "caused_by: page\n    good_name: {points: 1, distinct: peer}",
                "\"distinct\" must be the same as the rule's own"},
           Case{"    begins: ['TCP error: ']\n", "", "a rule lacks \"begins\""},
       }) {
    const std::string told = mistakes(replaced(kRule, c.from, c.to));
    INFO(c.to << "\n" << told);
    CHECK(told.find(c.told) != std::string::npos);
  }
}

TEST_CASE("of each shipped rule it is known who can cause it", "[detect][rules]") {
  for (const Rule& rule : test::shipped_rules().rules) {
    INFO(rule.name);
    CHECK_FALSE(rule.trait.caused_by.none());
    // What a forger can cause is never held against whom it names.
    if (rule.is_offence())
      CHECK(rule.trait.caused_by.has(Cause::forger) == (rule.evidence == Evidence::spoofable));
    // A good name makes nothing worse.
    if (rule.trait.good_name) CHECK(rule.trait.good_name->points < rule.trait.points);
  }
}

TEST_CASE("an operator's own rule that does not say who can cause it is taken as mild", "[detect][rules]") {
  test::ScratchDirectory scratch;
  const std::string old = replaced(kRule, "    caused_by: client\n", "");
  const std::string other = replaced(
      replaced(replaced(replaced(old, "name: reset", "name: mine"), "['TCP", "['UDP"), "'TCP", "'UDP"),
      "001: TCP", "001: UDP");
  scratch.write("main.yaml", kRule + kForgeable);
  scratch.write("rules.d/10.yaml", replaced(other, "001: TCP", "001: UDP"));
  scratch.write("rules.d/20.yaml", replaced(old, "0.25", "7"));
  const auto book = load_rules(scratch / "main.yaml", scratch / "rules.d");
  if (!book) FAIL(book.error().front());
  REQUIRE(book->rules.size() == 2);
  CHECK(book->rules[0].name == "mine");
  CHECK(book->rules[0].trait.by_others());
  // What stands in the place of one of ours has its causes.
  CHECK(book->rules[1].trait.points == Points{7000});
  CHECK(book->rules[1].trait.caused_by.has(Cause::client));
  CHECK_FALSE(book->rules[1].trait.by_others());
  REQUIRE(book->notes.size() == 1);
  CHECK(book->notes[0].find("/rules.d/10.yaml:2:5: rule \"mine\" lacks \"caused_by\": taken as \"page\"") !=
        std::string::npos);
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

TEST_CASE("an operator's own rules come first, or in the place of ours", "[detect][rules]") {
  test::ScratchDirectory scratch;
  const std::string directory = scratch / "rules.d";
  const auto write = [&](const std::string& name, const std::string& text) { scratch.write(name, text); };
  const auto renamed = [](const std::string& name) {
    return replaced(kRule, "name: reset", "name: " + name);
  };
  const auto names = [&] {
    std::string all;
    const auto book = load_rules(scratch / "main.yaml", directory);
    if (!book) {
      for (const std::string& problem : book.error()) all += problem + "\n";
      return all;
    }
    for (const Rule& rule : book->rules) all += rule.name + ":" + to_string(rule.trait.points) + " ";
    return all + std::to_string(book->forgeable.size());
  };
  const auto other = [](const std::string& name, const std::string& word) {
    return replaced(
        replaced(replaced(replaced(replaced(kRule, "name: reset", "name: " + name), "['TCP", "['" + word),
                          "'TCP", "'" + word),
                 "001: TCP", "001: " + word),
        "001: TCP", "001: " + word);
  };
  write("main.yaml", kRule + replaced(other("last", "SCTP"), "rules:\n", "") + kForgeable);
  CHECK(names() == "reset:0.25 last:0.25 1");  // without the directory
  write("rules.d/20-b.yaml", other("mine", "UDP"));
  write("rules.d/10-a.yaml", other("first", "DTLS") + kForgeable);
  write("rules.d/.hidden.yaml", "no rules");
  write("rules.d/10-a.yaml.bak", "no rules");
  CHECK(names() == "first:0.25 mine:0.25 reset:0.25 last:0.25 2");
  write("rules.d/30-c.yaml", replaced(kRule, "0.25", "7"));
  CHECK(names() == "first:0.25 mine:0.25 reset:7 last:0.25 2");
  write("rules.d/40-d.yaml", replaced(other("mine", "UDP"), "0.25", "8"));
  CHECK(names() == "first:0.25 mine:8 reset:7 last:0.25 2");
  write("rules.d/50-e.yaml", kForgeable);
  CHECK(names() == "first:0.25 mine:8 reset:7 last:0.25 3");
  // It takes the line of one of ours, and ours must say so.
  write("rules.d/60-f.yaml", renamed("thief"));
  CHECK(names().find(directory + "/30-c.yaml:8:16: rule \"reset\": the example goes to the rule \"thief\"") ==
        0);
  write("rules.d/60-f.yaml", "rules: 1\n");
  CHECK(names() == directory + "/60-f.yaml:1:8: \"rules\" must be a list of 1 to 500 rules\n");
  write("rules.d/60-f.yaml", "{}");
  CHECK(names() == directory + "/60-f.yaml:1:1: the file has neither \"rules\" nor \"forgeable\"\n");
  std::filesystem::remove_all(directory);
  write("rules.d", "");
  CHECK(names() == "read the directory " + directory + ": Not a directory\n");
}
