// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_proof.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "detect/record.hpp"
#include "detect/rule_set.hpp"

namespace coturn_guard {
namespace {

class Proof {
 public:
  Proof(const RuleBook& book, const std::vector<RulePlaces>& places) : book_(book), places_(places) {}

  Problems run() {
    const Result<RuleSet> rules = RuleSet::create(book_);
    if (!rules) {
      problem(places_.front().rule, "{}", rules.error().message());
      return std::move(problems_);
    }
    for (std::size_t id = 0; id < book_.rules.size(); ++id)
      check_lines(*rules, static_cast<RuleId>(id), places_[id]);
    return std::move(problems_);
  }

 private:
  template <class... Args>
  void problem(const std::string& place, fmt::format_string<Args...> what, Args&&... args) {
    problems_.push_back(place + ": " + fmt::format(what, std::forward<Args>(args)...));
  }
  void check_lines(const RuleSet& rules, RuleId id, const RulePlaces& places);

  const RuleBook& book_;
  const std::vector<RulePlaces>& places_;
  Problems problems_;
};

void Proof::check_lines(const RuleSet& rules, RuleId id, const RulePlaces& places) {
  const Rule& rule = book_.rules[id];
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

Problems prove(const RuleBook& book, const std::vector<RulePlaces>& places) {
  return Proof(book, places).run();
}

}  // namespace coturn_guard
