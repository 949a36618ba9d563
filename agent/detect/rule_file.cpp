// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_file.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <set>
#include <span>

#include "detect/pattern.hpp"
#include "detect/record.hpp"
#include "detect/rule_set.hpp"
#include "util/nearest.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxRules = 500;
constexpr std::size_t kMaxEntries = 64;  // in any list of a rule
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxTextBytes =
    2048;  // of any text: a record is at most 1023 bytes, its wrapper some more
constexpr std::int32_t kMaxPoints = 1000;

using Keys = std::span<const std::string_view>;

// "0.25" -> 250. At most 3 decimals, so that it is exact.
std::optional<Points> parse_points(std::string_view text) {
  const std::size_t dot = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, dot);
  const std::string_view decimals = dot < text.size() ? text.substr(dot + 1) : std::string_view();
  const auto digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || whole.size() > 4 || !digits(whole) || decimals.size() > 3 || !digits(decimals))
    return std::nullopt;
  if (dot < text.size() && decimals.empty()) return std::nullopt;
  std::int32_t milli = 0;
  for (const char c : whole) milli = milli * 10 + (c - '0');
  for (std::size_t i = 0; i < 3; ++i) milli = milli * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
  if (milli > kMaxPoints * 1000) return std::nullopt;
  return Points{milli};
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// Walks the document, fills the book and notes every mistake with its place.
class Reader {
 public:
  explicit Reader(std::string_view file_name) : file_name_(file_name) {}

  void read(const YAML::Node& root);
  void check_examples();

  RuleBook book;
  Problems problems;

 private:
  // Where a rule's parts stand, for the mistakes that only show when all are there.
  struct Places {
    YAML::Mark rule;
    std::vector<YAML::Mark> begins, examples, counterexamples;
  };

  template <class... Args>
  void problem(const YAML::Mark& mark, fmt::format_string<Args...> what, Args&&... args) {
    problems.push_back(fmt::format("{}:{}:{}: {}", file_name_, mark.line + 1, mark.column + 1,
                                   fmt::format(what, std::forward<Args>(args)...)));
  }
  bool is_map_of(const YAML::Node& node, std::string_view subject, Keys known, Keys required);
  void read_rule(const YAML::Node& node);
  void read_forgeable(const YAML::Node& node);
  std::string text(const YAML::Node& node, std::string_view key);
  bool boolean(const YAML::Node& node, std::string_view key);
  std::uint32_t bytes(const YAML::Node& node, std::string_view key);
  std::vector<std::string> texts(const YAML::Node& node, std::string_view key,
                                 std::vector<YAML::Mark>& marks);
  void check_lines(const RuleSet& rules, RuleId id, const Places& places);

  std::string file_name_;
  std::set<std::string, std::less<>> names_;
  std::vector<Places> places_;
};

bool Reader::is_map_of(const YAML::Node& node, std::string_view subject, Keys known, Keys required) {
  if (!node.IsMap()) return problem(node.Mark(), "{} must be a map of keys and values", subject), false;
  std::set<std::string, std::less<>> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string_view near = nearest(key, known);
      problem(entry.first.Mark(), "unknown key \"{}\" in {}{}", key.substr(0, kMaxNameBytes), subject,
              near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near));
    } else if (!seen.insert(key).second) {
      problem(entry.first.Mark(), "\"{}\" is given twice", key);
    }
  }
  bool complete = true;
  for (const std::string_view key : required) {
    if (seen.contains(key)) continue;
    problem(node.Mark(), "{} lacks \"{}\"", subject, key);
    complete = false;
  }
  return complete;
}

std::string Reader::text(const YAML::Node& node, std::string_view key) {
  if (!node.IsScalar()) return problem(node.Mark(), "\"{}\" must be a text", key), "";
  if (node.Scalar().size() > kMaxTextBytes)
    return problem(node.Mark(), "\"{}\" is longer than {} bytes", key, kMaxTextBytes), "";
  if (node.Scalar().empty()) problem(node.Mark(), "\"{}\" is empty", key);
  return node.Scalar();
}

bool Reader::boolean(const YAML::Node& node, std::string_view key) {
  if (node.IsScalar() && (node.Scalar() == "true" || node.Scalar() == "false"))
    return node.Scalar() == "true";
  problem(node.Mark(), "\"{}\" must be true or false", key);
  return false;
}

std::uint32_t Reader::bytes(const YAML::Node& node, std::string_view key) {
  const std::string digits = node.IsScalar() ? node.Scalar() : "";
  const bool number =
      !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
  const unsigned long value = number ? std::stoul(digits) : 0;
  if (value < 1 || value > kRecordLimitBytes)
    problem(node.Mark(), "\"{}\" must be 1 to {}", key, kRecordLimitBytes);
  return static_cast<std::uint32_t>(value);
}

std::vector<std::string> Reader::texts(const YAML::Node& node, std::string_view key,
                                       std::vector<YAML::Mark>& marks) {
  std::vector<std::string> found;
  if (!node.IsSequence() || node.size() == 0)
    return problem(node.Mark(), "\"{}\" must be a list of at least one text", key), found;
  if (node.size() > kMaxEntries)
    return problem(node.Mark(), "\"{}\" has more than {} entries", key, kMaxEntries), found;
  for (const auto& entry : node) {
    found.push_back(text(entry, key));
    marks.push_back(entry.Mark());
  }
  return found;
}

void Reader::read_rule(const YAML::Node& node) {
  static constexpr std::array<std::string_view, 10> kKnown{
      "name",    "description", "points",         "evidence", "begins",
      "pattern", "session",     "unless_counted", "examples", "counterexamples"};
  static constexpr std::array<std::string_view, 7> kRequired{
      "name", "description", "points", "begins", "pattern", "examples", "counterexamples"};
  const std::size_t before = problems.size();
  if (!is_map_of(node, "a rule", kKnown, kRequired)) return;
  Rule rule;
  Places places{node.Mark(), {}, {}, {}};
  rule.name = text(node["name"], "name");
  if (!is_name(rule.name))
    problem(node["name"].Mark(), "a rule's name has 1 to {} of a-z, 0-9 and \"-\"", kMaxNameBytes);
  else if (!names_.insert(rule.name).second)
    problem(node["name"].Mark(), "there is a rule \"{}\" already", rule.name);
  rule.description = text(node["description"], "description");
  const std::optional<Points> points =
      node["points"].IsScalar() ? parse_points(node["points"].Scalar()) : std::nullopt;
  if (points)
    rule.trait.points = *points;
  else
    problem(node["points"].Mark(), "\"points\" must be a number from 0 to {} with at most 3 decimals",
            kMaxPoints);
  if (const YAML::Node evidence = node["evidence"]; evidence.IsDefined()) {
    const std::string word = text(evidence, "evidence");
    if (word == "spoofable")
      rule.evidence = Evidence::spoofable;
    else if (word != "claimed")
      problem(evidence.Mark(), "\"evidence\" must be claimed or spoofable");
  }
  if (const YAML::Node session = node["session"]; session.IsDefined())
    rule.session = boolean(session, "session");
  if (const YAML::Node unless = node["unless_counted"]; unless.IsDefined())
    rule.unless_counted = boolean(unless, "unless_counted");
  if (rule.unless_counted && !rule.session)
    problem(node.Mark(), "\"unless_counted\" needs \"session: true\"");
  rule.begins = texts(node["begins"], "begins", places.begins);
  rule.pattern = text(node["pattern"], "pattern");
  if (const Result<Pattern> pattern = Pattern::compile(rule.pattern); !pattern)
    problem(node["pattern"].Mark(), "pattern: {}", pattern.error().message());
  rule.examples = texts(node["examples"], "examples", places.examples);
  rule.counterexamples = texts(node["counterexamples"], "counterexamples", places.counterexamples);
  if (problems.size() != before) return;
  book.rules.push_back(std::move(rule));
  places_.push_back(std::move(places));
}

void Reader::read_forgeable(const YAML::Node& node) {
  static constexpr std::array<std::string_view, 5> kKnown{"begins", "after", "text_bytes", "tail_bytes",
                                                          "usual"};
  static constexpr std::array<std::string_view, 2> kRequired{"begins", "text_bytes"};
  if (!is_map_of(node, "an entry of \"forgeable\"", kKnown, kRequired)) return;
  Forgeable forgeable;
  forgeable.begins = text(node["begins"], "begins");
  if (const YAML::Node after = node["after"]; after.IsDefined()) forgeable.after = text(after, "after");
  if (const YAML::Node usual = node["usual"]; usual.IsDefined()) forgeable.usual = boolean(usual, "usual");
  forgeable.text_bytes = bytes(node["text_bytes"], "text_bytes");
  if (const YAML::Node tail = node["tail_bytes"]; tail.IsDefined())
    forgeable.tail_bytes = bytes(tail, "tail_bytes");
  book.forgeable.push_back(std::move(forgeable));
}

void Reader::read(const YAML::Node& root) {
  static constexpr std::array<std::string_view, 2> kKnown{"rules", "forgeable"};
  if (!is_map_of(root, "the file", kKnown, kKnown)) return;
  const YAML::Node rules = root["rules"];
  if (!rules.IsSequence() || rules.size() == 0 || rules.size() > kMaxRules)
    problem(rules.Mark(), "\"rules\" must be a list of 1 to {} rules", kMaxRules);
  else
    for (const auto& rule : rules) read_rule(rule);
  const YAML::Node forgeable = root["forgeable"];
  if (!forgeable.IsSequence() || forgeable.size() == 0 || forgeable.size() > kMaxRules)
    problem(forgeable.Mark(), "\"forgeable\" must be a list of 1 to {} entries", kMaxRules);
  else
    for (const auto& entry : forgeable) read_forgeable(entry);
}

// Each rule proves itself, in the company of the others: an example that an earlier rule takes away does not
// match.
void Reader::check_examples() {
  const Result<RuleSet> rules = RuleSet::create(book);
  if (!rules) {
    problems.push_back(fmt::format("{}:1:1: {}", file_name_, rules.error().message()));
    return;
  }
  for (std::size_t id = 0; id < book.rules.size(); ++id)
    check_lines(*rules, static_cast<RuleId>(id), places_[id]);
}

void Reader::check_lines(const RuleSet& rules, RuleId id, const Places& places) {
  const Rule& rule = book.rules[id];
  std::vector<bool> shown(rule.begins.size());
  for (std::size_t i = 0; i < rule.examples.size(); ++i) {
    const std::optional<Record> record = parse_record(rule.examples[i], {});
    if (!record) {
      problem(places.examples[i], "rule \"{}\": the example does not begin as a line of coturn's does",
              rule.name);
      continue;
    }
    for (std::size_t j = 0; j < rule.begins.size(); ++j)
      if (record->message.starts_with(rule.begins[j])) shown[j] = true;
    const std::optional<Event> event = rules.match(record->message, record->session);
    if (!event)
      problem(places.examples[i], "rule \"{}\": the example does not match{}", rule.name,
              rule.session == record->session.empty() ? " (look at \"session\")" : "");
    else if (event->rule != id)
      problem(places.examples[i],
              "rule \"{}\": the example goes to the rule \"{}\" instead, which comes first", rule.name,
              rules.name(event->rule));
  }
  for (std::size_t j = 0; j < rule.begins.size(); ++j)
    if (!shown[j]) problem(places.begins[j], "rule \"{}\": no example begins like this", rule.name);
  for (std::size_t i = 0; i < rule.counterexamples.size(); ++i) {
    const std::optional<Record> record = parse_record(rule.counterexamples[i], {});
    if (!record) continue;
    const std::optional<Event> event = rules.match(record->message, record->session);
    if (event && event->rule == id)
      problem(places.counterexamples[i], "rule \"{}\": the counterexample matches", rule.name);
  }
}

}  // namespace

tl::expected<RuleBook, Problems> parse_rules(std::string_view yaml, std::string_view file_name) {
  Reader reader(file_name);
  if (yaml.size() > kMaxFileBytes)
    return tl::unexpected(
        Problems{fmt::format("{}:1:1: the file is larger than {} bytes", file_name, kMaxFileBytes)});
  try {
    reader.read(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& mistake) {
    reader.problems.push_back(
        fmt::format("{}:{}:{}: {}", file_name, mistake.mark.line + 1, mistake.mark.column + 1, mistake.msg));
  }
  if (reader.problems.empty()) reader.check_examples();
  if (!reader.problems.empty()) return tl::unexpected(std::move(reader.problems));
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
