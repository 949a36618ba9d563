// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_file.hpp"

#include <yaml-cpp/yaml.h>

#include <array>
#include <fstream>
#include <set>

#include "detect/pattern.hpp"
#include "detect/rule_fields.hpp"
#include "detect/rule_proof.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxRules = 500;

// Walks the document, fills the book and notes every mistake with its place.
class Reader {
 public:
  explicit Reader(std::string_view file_name) : fields(file_name) {}

  void read(const YAML::Node& root);

  RuleFields fields;
  RuleBook book;
  std::vector<RulePlaces> places;

 private:
  void read_rule(const YAML::Node& node);
  void read_forgeable(const YAML::Node& node);

  std::set<std::string, std::less<>> names_;
};

void Reader::read_rule(const YAML::Node& node) {
  static constexpr std::array<std::string_view, 10> kKnown{
      "name",    "description", "points",         "evidence", "begins",
      "pattern", "session",     "unless_counted", "examples", "counterexamples"};
  static constexpr std::array<std::string_view, 7> kRequired{
      "name", "description", "points", "begins", "pattern", "examples", "counterexamples"};
  const std::size_t before = fields.problems.size();
  if (!fields.is_map_of(node, "a rule", kKnown, kRequired)) return;
  Rule rule;
  RulePlaces place{fields.place(node.Mark()), {}, {}, {}};
  rule.name = fields.name(node["name"], "name");
  if (!names_.insert(rule.name).second)
    fields.problem(node["name"].Mark(), "there is a rule \"{}\" already", rule.name);
  rule.description = fields.text(node["description"], "description");
  rule.trait.points = fields.points(node["points"], "points");
  if (const YAML::Node evidence = node["evidence"]; evidence.IsDefined()) {
    const std::string word = fields.text(evidence, "evidence");
    if (word == "spoofable")
      rule.evidence = Evidence::spoofable;
    else if (word != "claimed")
      fields.problem(evidence.Mark(), "\"evidence\" must be claimed or spoofable");
  }
  if (const YAML::Node session = node["session"]; session.IsDefined())
    rule.session = fields.boolean(session, "session");
  if (const YAML::Node unless = node["unless_counted"]; unless.IsDefined())
    rule.unless_counted = fields.boolean(unless, "unless_counted");
  if (rule.unless_counted && !rule.session)
    fields.problem(node.Mark(), "\"unless_counted\" needs \"session: true\"");
  rule.begins = fields.texts(node["begins"], "begins", place.begins);
  rule.pattern = fields.text(node["pattern"], "pattern");
  if (const Result<Pattern> pattern = Pattern::compile(rule.pattern); !pattern)
    fields.problem(node["pattern"].Mark(), "pattern: {}", pattern.error().message());
  rule.examples = fields.texts(node["examples"], "examples", place.examples);
  rule.counterexamples = fields.texts(node["counterexamples"], "counterexamples", place.counterexamples);
  if (fields.problems.size() != before) return;
  book.rules.push_back(std::move(rule));
  places.push_back(std::move(place));
}

void Reader::read_forgeable(const YAML::Node& node) {
  static constexpr std::array<std::string_view, 5> kKnown{"begins", "after", "text_bytes", "tail_bytes",
                                                          "usual"};
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
  book.forgeable.push_back(std::move(forgeable));
}

void Reader::read(const YAML::Node& root) {
  static constexpr std::array<std::string_view, 2> kKnown{"rules", "forgeable"};
  if (!fields.is_map_of(root, "the file", kKnown, kKnown)) return;
  const YAML::Node rules = root["rules"];
  if (!rules.IsSequence() || rules.size() == 0 || rules.size() > kMaxRules)
    fields.problem(rules.Mark(), "\"rules\" must be a list of 1 to {} rules", kMaxRules);
  else
    for (const auto& rule : rules) read_rule(rule);
  const YAML::Node forgeable = root["forgeable"];
  if (!forgeable.IsSequence() || forgeable.size() == 0 || forgeable.size() > kMaxRules)
    fields.problem(forgeable.Mark(), "\"forgeable\" must be a list of 1 to {} entries", kMaxRules);
  else
    for (const auto& entry : forgeable) read_forgeable(entry);
}

}  // namespace

tl::expected<RuleBook, Problems> parse_rules(std::string_view yaml, std::string_view file_name) {
  if (yaml.size() > kMaxFileBytes)
    return tl::unexpected(
        Problems{fmt::format("{}:1:1: the file is larger than {} bytes", file_name, kMaxFileBytes)});
  Reader reader(file_name);
  try {
    reader.read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& mistake) {
    reader.fields.problem(mistake.mark, "{}", mistake.msg);
  }
  Problems problems = std::move(reader.fields.problems);
  if (problems.empty()) problems = prove(reader.book, reader.places);
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return std::move(reader.book);
}

tl::expected<RuleBook, Problems> load_rules(const std::string& file_name) {
  std::ifstream file(file_name, std::ios::binary);
  if (!file) return tl::unexpected(Problems{fail(errno, "open {}", file_name).value().message()});
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return tl::unexpected(Problems{fail(errno, "read {}", file_name).value().message()});
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_rules(text, file_name);
}

}  // namespace coturn_guard
