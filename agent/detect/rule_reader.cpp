// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_reader.hpp"

#include <yaml-cpp/yaml.h>

#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "detect/pattern.hpp"
#include "detect/rule_fields.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxRules = 500;
constexpr std::size_t kMaxReportBytes = 500;  // one line of a log

constexpr Choices<Distinct, 3> kDistinct{
    {{"user", Distinct::user}, {"peer", Distinct::peer}, {"session", Distinct::session}}};
constexpr Choices<Credit, 3> kCredit{
    {{"none", Credit::none}, {"spares", Credit::spares}, {"shared", Credit::shared}}};
constexpr Choices<Cause, 5> kCauses{{{"client", Cause::client},
                                     {"page", Cause::page},
                                     {"partner", Cause::partner},
                                     {"forger", Cause::forger},
                                     {"operator", Cause::operated}}};
constexpr Choices<Evidence, 3> kEvidence{
    {{"claimed", Evidence::claimed}, {"spoofable", Evidence::spoofable}, {"proven", Evidence::proven}}};
constexpr Choices<Witnessed, 4> kWitnessed{{{"no", Witnessed::no},
                                            {"seen", Witnessed::seen},
                                            {"exactly", Witnessed::exactly},
                                            {"admin", Witnessed::admin}}};
constexpr Choices<KernelSign, 4> kKernel{{{"reset-unread", KernelSign::reset_unread},
                                          {"brief", KernelSign::brief},
                                          {"idle", KernelSign::idle},
                                          {"unserved", KernelSign::unserved}}};
constexpr Choices<PacketSign, 2> kPacket{
    {{"foreign-tcp", PacketSign::foreign_tcp}, {"foreign-udp", PacketSign::foreign_udp}}};

class Reader {
 public:
  Reader(std::string_view file_name, RuleFileKind kind) : fields(file_name), kind_(kind) {}

  void read(const YAML::Node& root);

  RuleFields fields;
  RuleBook book;
  std::vector<RulePlaces> places;

 private:
  void read_rule(const YAML::Node& node);
  void read_weight(const YAML::Node& node, Trait& trait);
  void read_good_name(const YAML::Node& node, Trait& trait);
  void read_line(const YAML::Node& node, Rule& rule, RulePlaces& place);
  void check_pattern(const YAML::Node& node, const Rule& rule, const Pattern& pattern);
  void check_keys(const YAML::Node& node, const Rule& rule);
  void check_causes(const YAML::Node& node, const Rule& rule);
  void read_forgeable(const YAML::Node& node);

  RuleFileKind kind_;
  std::set<std::string, std::less<>> names_;
};

// How bad it is.
void Reader::read_weight(const YAML::Node& node, Trait& trait) {
  trait.points = fields.points(node["points"], "points");
  if (const YAML::Node window = node["window"]; window.IsDefined())
    trait.window = fields.duration(window, "window");
  if (const YAML::Node distinct = node["distinct"]; distinct.IsDefined())
    trait.distinct = fields.choice(distinct, "distinct", kDistinct);
  if (const YAML::Node free = node["free"]; free.IsDefined()) trait.free = fields.count(free, "free");
  if (const YAML::Node from = node["from"]; from.IsDefined()) {
    trait.from = fields.count(from, "from");
    if (!node["distinct"].IsDefined())
      fields.problem(from.Mark(), "\"from\" counts different ones: say of what with \"distinct\"");
    if (!node["points_from"].IsDefined())
      fields.problem(from.Mark(), "\"from\" needs \"points_from\": what one costs from then on");
  }
  if (const YAML::Node points = node["points_from"]; points.IsDefined()) {
    trait.points_from = fields.points(points, "points_from");
    if (!node["from"].IsDefined())
      fields.problem(points.Mark(), "\"points_from\" needs \"from\": from the how many-th on");
  }
  if (const YAML::Node credit = node["credit"]; credit.IsDefined())
    trait.credit = fields.choice(credit, "credit", kCredit);
  if (const YAML::Node causes = node["caused_by"]; causes.IsDefined())
    fields.choices(causes, "caused_by", kCauses, [&](Cause cause) { trait.caused_by.add(cause); });
  if (const YAML::Node guess = node["guess"]; guess.IsDefined()) trait.guess = fields.boolean(guess, "guess");
  if (const YAML::Node measure = node["good_name"]; measure.IsDefined()) read_good_name(measure, trait);
}

// What it costs an address with a good name instead.
void Reader::read_good_name(const YAML::Node& node, Trait& trait) {
  static constexpr std::array<std::string_view, 3> kKnown{"points", "free", "distinct"};
  static constexpr std::array<std::string_view, 1> kRequired{"points"};
  if (!fields.is_map_of(node, "\"good_name\"", kKnown, kRequired)) return;
  GoodNameMeasure measure;
  measure.points = fields.points(node["points"], "points");
  if (const YAML::Node free = node["free"]; free.IsDefined()) measure.free = fields.count(free, "free");
  if (const YAML::Node distinct = node["distinct"]; distinct.IsDefined())
    measure.distinct = fields.choice(distinct, "distinct", kDistinct);
  if (measure.distinct != Distinct::nothing && measure.distinct != trait.distinct)
    fields.problem(node["distinct"].Mark(), "\"distinct\" must be the same as the rule's own");
  trait.good_name = measure;
}

// Which lines it is about. What lacks of these, check_keys() tells.
void Reader::read_line(const YAML::Node& node, Rule& rule, RulePlaces& place) {
  const auto read_texts = [&](const char* key, std::vector<std::string>& texts,
                              std::vector<std::string>& text_places) {
    if (const YAML::Node given = node[key]; given.IsDefined()) texts = fields.texts(given, key, text_places);
  };
  read_texts("begins", rule.begins, place.begins);
  read_texts("ends", rule.ends, place.ends);
  read_texts("examples", rule.examples, place.examples);
  read_texts("counterexamples", rule.counterexamples, place.counterexamples);
  const YAML::Node pattern = node["pattern"];
  if (!pattern.IsDefined()) return;
  rule.pattern = fields.text(pattern, "pattern");
  if (const Result<Pattern> compiled = Pattern::compile(rule.pattern); !compiled)
    fields.problem(pattern.Mark(), "pattern: {}", compiled.error().message());
  else
    check_pattern(node, rule, *compiled);
}

// What other keys need of the pattern.
void Reader::check_pattern(const YAML::Node& node, const Rule& rule, const Pattern& pattern) {
  const auto needs = [&](const char* key, bool has, const char* placeholder) {
    if (node[key].IsDefined() && !has)
      fields.problem(node[key].Mark(), "\"{}{}\" needs {} in the pattern", key,
                     node[key].IsScalar() ? ": " + node[key].Scalar() : "", placeholder);
  };
  // A rule of administrators may name nobody: then it is charged to who must have asked.
  if (rule.witnessed == Witnessed::exactly || (rule.witnessed == Witnessed::admin && pattern.names_client()))
    needs("witnessed", pattern.names_port(), "{client} or {client_unbracketed}");
  if (rule.witnessed == Witnessed::seen)
    needs("witnessed", pattern.names_client(), "{client}, {client_unbracketed} or {client_address}");
  if (rule.trait.distinct == Distinct::user) needs("distinct", pattern.names_user(), "{user}");
  // The announcing line may name it instead.
  if (rule.trait.distinct == Distinct::peer)
    needs("distinct", pattern.names_peer() || !rule.announced_by.empty(), "{peer}");
  needs("own_peer", pattern.names_peer() || !rule.announced_by.empty(), "{peer}");
  if (rule.closes && !rule.session) needs("closes", pattern.names_port(), "session: true, or a client");
  if (!rule.taken_back_by.empty())
    needs("taken_back_by", pattern.names_port(), "{client} or {client_unbracketed}");
  needs("if_expired", pattern.names_user(), "{user}");
  needs("if_unexpired", pattern.names_user(), "{user}");
}

// Which keys go together.
void Reader::check_keys(const YAML::Node& node, const Rule& rule) {
  static constexpr std::array<std::string_view, 4> kOfLine{"begins", "pattern", "examples",
                                                           "counterexamples"};
  static constexpr std::array<std::string_view, 10> kAboutLine{
      "ends",      "login",        "closes",      "if_expired",    "if_unexpired",
      "witnessed", "announced_by", "unannounced", "taken_back_by", "own_peer"};
  static constexpr std::array<std::string_view, 4> kAboutSession{"session", "unless_counted", "misdeed",
                                                                 "distinct"};
  const auto given = [&](std::string_view key) { return node[std::string(key)].IsDefined(); };
  const bool has_line = given("begins") || given("pattern");
  const bool told_twice = rule.kernel == KernelSign::unserved && has_line;
  const bool of_kernel = (rule.kernel != KernelSign::none && !told_twice) || rule.packet != PacketSign::none;
  for (const std::string_view key : kOfLine) {
    if (has_line && !given(key)) fields.problem(node.Mark(), "a rule lacks \"{}\"", key);
    if (!has_line && given(key))
      fields.problem(node[std::string(key)].Mark(), "\"{}\" needs \"begins\" and \"pattern\"", key);
    if (of_kernel && given(key))
      fields.problem(node[std::string(key)].Mark(), "\"{}\" is for lines, and the kernel writes none", key);
  }
  for (const std::string_view key : kAboutLine)
    if (!has_line && given(key))
      fields.problem(node[std::string(key)].Mark(), "\"{}\" needs \"begins\" and \"pattern\"", key);
  if (of_kernel) {
    for (const std::string_view key : kAboutSession)
      if (given(key))
        fields.problem(node[std::string(key)].Mark(), "\"{}\" is for lines, and the kernel writes none", key);
    if (given("kernel") && given("packet"))
      fields.problem(node["packet"].Mark(), "a rule is for one sign, \"kernel\" or \"packet\"");
    const bool of_anybody = rule.packet == PacketSign::foreign_udp;
    if (given("evidence") && rule.evidence != (of_anybody ? Evidence::spoofable : Evidence::proven))
      fields.problem(node["evidence"].Mark(), "what {} tells is {}",
                     of_anybody ? "a UDP packet" : "the kernel",
                     of_anybody ? "spoofable: its sender may be forged" : "proven");
  }
  if (given("announced_by") != given("unannounced"))
    fields.problem(node.Mark(), "\"announced_by\" and \"unannounced\" need each other");
  if (given("taken_back_after") && !given("taken_back_by"))
    fields.problem(node["taken_back_after"].Mark(), "\"taken_back_after\" needs \"taken_back_by\"");
  for (const char* const key :
       {"unless_counted", "login", "moves", "refreshes", "answers_refresh", "announced_by"})
    if (given(key) && !rule.session) fields.problem(node[key].Mark(), "\"{}\" needs \"session: true\"", key);
  if (given("misdeed") && !rule.session && rule.witnessed != Witnessed::admin)
    fields.problem(node["misdeed"].Mark(), "\"misdeed\" needs \"session: true\" or \"witnessed: admin\"");
  if (rule.trait.distinct == Distinct::session && !rule.session)
    fields.problem(node["distinct"].Mark(), "\"distinct: session\" needs \"session: true\"");
  if (rule.login && (rule.trait.points > Points{} || rule.trait.points_from > Points{}))
    fields.problem(node["login"].Mark(), "a login is no offence: its points must be 0");
}

// Who can cause it, and what follows. An operator's own rule may say nothing of it: rule_file decides then.
void Reader::check_causes(const YAML::Node& node, const Rule& rule) {
  const Trait& trait = rule.trait;
  if (trait.good_name && !trait.by_others())
    fields.problem(
        node["good_name"].Mark(),
        "\"good_name\" is for what a page or a partner can cause, and \"caused_by\" names neither");
  if (trait.caused_by.none() || rule.tells_only()) return;
  const bool forged = trait.caused_by.has(Cause::forger);
  if (forged && rule.evidence != Evidence::spoofable)
    fields.problem(node["caused_by"].Mark(),
                   "what a forger can cause proves nothing: it needs \"evidence: spoofable\"");
  if (!forged && rule.evidence == Evidence::spoofable)
    fields.problem(node["caused_by"].Mark(), "what is spoofable is caused by a \"forger\", too");
}

void Reader::read_rule(const YAML::Node& node) {
  static constexpr std::array<std::string_view, 37> kKnown{
      "name",        "description",     "points",
      "window",      "distinct",        "free",
      "from",        "points_from",     "credit",
      "evidence",    "witnessed",       "kernel",
      "packet",      "begins",          "ends",
      "pattern",     "session",         "login",
      "closes",      "unless_counted",  "misdeed",
      "if_expired",  "if_unexpired",    "report",
      "examples",    "counterexamples", "announced_by",
      "unannounced", "caused_by",       "good_name",
      "guess",       "taken_back_by",   "taken_back_after",
      "moves",       "refreshes",       "answers_refresh",
      "own_peer"};
  static constexpr std::array<std::string_view, 4> kAll{"name", "description", "points", "caused_by"};
  // An operator's own rule may be older than "caused_by" (rule_file).
  const RuleFields::Keys kRequired = RuleFields::Keys(kAll).first(kind_ == RuleFileKind::main ? 4 : 3);
  const std::size_t before = fields.problems.size();
  if (!fields.is_map_of(node, "a rule", kKnown, kRequired)) return;
  Rule rule;
  RulePlaces place{fields.place(node.Mark()), {}, {}, {}, {}};
  rule.name = fields.name(node["name"], "name");
  if (!names_.insert(rule.name).second)
    fields.problem(node["name"].Mark(), "there is a rule \"{}\" already", rule.name);
  rule.description = fields.text(node["description"], "description");
  read_weight(node, rule.trait);
  if (const YAML::Node kernel = node["kernel"]; kernel.IsDefined()) {
    rule.kernel = fields.choice(kernel, "kernel", kKernel);
    rule.evidence = Evidence::proven;
  }
  if (const YAML::Node packet = node["packet"]; packet.IsDefined()) {
    rule.packet = fields.choice(packet, "packet", kPacket);
    const bool of_anybody = rule.packet == PacketSign::foreign_udp;
    rule.evidence = of_anybody ? Evidence::spoofable : Evidence::proven;
    // What conntrack saw of a handshake is held against what the TCP stack tells of its connections.
    if (!of_anybody) rule.witnessed = Witnessed::seen;
  }
  if (const YAML::Node evidence = node["evidence"]; evidence.IsDefined())
    rule.evidence = fields.choice(evidence, "evidence", kEvidence);
  if (const YAML::Node witnessed = node["witnessed"]; witnessed.IsDefined())
    rule.witnessed = fields.choice(witnessed, "witnessed", kWitnessed);
  const auto read_boolean = [&](const char* key, bool& value) {
    if (const YAML::Node given = node[key]; given.IsDefined()) value = fields.boolean(given, key);
  };
  read_boolean("session", rule.session);
  read_boolean("login", rule.login);
  read_boolean("closes", rule.closes);
  read_boolean("moves", rule.moves);
  read_boolean("refreshes", rule.refreshes);
  read_boolean("answers_refresh", rule.answers_refresh);
  read_boolean("unless_counted", rule.unless_counted);
  const auto read_name = [&](const char* key, std::string& value) {
    if (const YAML::Node given = node[key]; given.IsDefined()) value = fields.name(given, key);
  };
  read_name("misdeed", rule.misdeed);
  read_name("if_expired", rule.if_expired);
  read_name("if_unexpired", rule.if_unexpired);
  read_name("unannounced", rule.unannounced);
  read_name("own_peer", rule.own_peer);
  const auto read_names = [&](const char* key, std::vector<std::string>& names) {
    std::vector<std::string> at;
    if (const YAML::Node given = node[key]; given.IsDefined()) names = fields.texts(given, key, at);
  };
  read_names("announced_by", rule.announced_by);
  read_names("taken_back_by", rule.taken_back_by);
  read_names("taken_back_after", rule.taken_back_after);
  if (const YAML::Node report = node["report"]; report.IsDefined()) {
    rule.report = fields.text(report, "report");
    if (rule.report.size() > kMaxReportBytes)
      fields.problem(report.Mark(), "\"report\" is longer than {} bytes", kMaxReportBytes);
  }
  read_line(node, rule, place);
  check_keys(node, rule);
  check_causes(node, rule);
  if (fields.problems.size() != before) return;
  book.rules.push_back(std::move(rule));
  places.push_back(std::move(place));
}

void Reader::read_forgeable(const YAML::Node& node) {
  static constexpr std::array<std::string_view, 6> kKnown{"begins",     "after", "text_bytes",
                                                          "tail_bytes", "usual", "tail"};
  static constexpr std::array<std::string_view, 2> kRequired{"begins", "text_bytes"};
  if (!fields.is_map_of(node, "an entry of \"forgeable\"", kKnown, kRequired)) return;
  Forgeable forgeable;
  forgeable.begins = fields.text(node["begins"], "begins");
  if (const YAML::Node after = node["after"]; after.IsDefined())
    forgeable.after = fields.text(after, "after");
  if (const YAML::Node usual = node["usual"]; usual.IsDefined())
    forgeable.usual = fields.boolean(usual, "usual");
  forgeable.text_bytes = fields.bytes(node["text_bytes"], "text_bytes");
  if (const YAML::Node tail = node["tail_bytes"]; tail.IsDefined())
    forgeable.tail_bytes = fields.bytes(tail, "tail_bytes");
  if (const YAML::Node tail = node["tail"]; tail.IsDefined()) forgeable.tail = fields.text(tail, "tail");
  book.forgeable.push_back(std::move(forgeable));
}

void Reader::read(const YAML::Node& root) {
  static constexpr std::array<std::string_view, 2> kKnown{"rules", "forgeable"};
  const RuleFields::Keys required =
      kind_ == RuleFileKind::main ? RuleFields::Keys(kKnown) : RuleFields::Keys();
  if (!fields.is_map_of(root, "the file", kKnown, required)) return;
  const YAML::Node rules = root["rules"];
  const YAML::Node forgeable = root["forgeable"];
  if (!rules.IsDefined() && !forgeable.IsDefined())
    return fields.problem(root.Mark(), "the file has neither \"rules\" nor \"forgeable\"");
  const auto is_list = [&](const YAML::Node& node, const char* key, const char* entries) {
    if (!node.IsDefined()) return false;
    if (node.IsSequence() && node.size() != 0 && node.size() <= kMaxRules) return true;
    fields.problem(node.Mark(), "\"{}\" must be a list of 1 to {} {}", key, kMaxRules, entries);
    return false;
  };
  if (is_list(rules, "rules", "rules"))
    for (const auto& rule : rules) read_rule(rule);
  if (is_list(forgeable, "forgeable", "entries"))
    for (const auto& entry : forgeable) read_forgeable(entry);
}

}  // namespace

RuleDocument read_rules(std::string_view yaml, std::string_view file_name, RuleFileKind kind) {
  if (yaml.size() > kMaxRuleFileBytes)
    return {{}, {}, {fmt::format("{}:1:1: the file is larger than {} bytes", file_name, kMaxRuleFileBytes)}};
  Reader reader(file_name, kind);
  try {
    reader.read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& mistake) {
    reader.fields.problem(mistake.mark, "{}", mistake.msg);
  }
  return {std::move(reader.book), std::move(reader.places), std::move(reader.fields.problems)};
}

}  // namespace coturn_guard
