// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "detect/record.hpp"
#include "detect/rule_set.hpp"
#include "util/nearest.hpp"

namespace coturn_guard {
namespace {

class Proof {
 public:
  Proof(const RuleBook& book, const std::vector<RulePlaces>& places) : book_(book), places_(places) {}

  Problems run() {
    for (std::size_t id = 0; id < book_.rules.size(); ++id) check_names(book_.rules[id], places_[id]);
    if (!problems_.empty()) return std::move(problems_);
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
  void check_names(const Rule& rule, const RulePlaces& places);
  void check_lines(const RuleSet& rules, RuleId id, const RulePlaces& places);

  const RuleBook& book_;
  const std::vector<RulePlaces>& places_;
  Problems problems_;
};

// Rules that speak of other rules.
void Proof::check_names(const Rule& rule, const RulePlaces& places) {
  bool passed_on_to = false;
  std::vector<std::string_view> names;
  for (const Rule& other : book_.rules) {
    names.push_back(other.name);
    passed_on_to |= other.if_expired == rule.name || other.if_unexpired == rule.name ||
                    other.unannounced == rule.name || other.own_peer == rule.name;
    if (&other < &rule && ((rule.kernel != KernelSign::none && other.kernel == rule.kernel) ||
                           (rule.packet != PacketSign::none && other.packet == rule.packet)))
      problem(places.rule, "rule \"{}\": \"{}\" is for the same sign of the kernel's", rule.name, other.name);
  }
  if (rule.begins.empty() && rule.kernel == KernelSign::none && rule.packet == PacketSign::none &&
      !passed_on_to)
    problem(places.rule,
            "rule \"{}\" lacks \"begins\" and \"pattern\", and no other rule passes lines on to it",
            rule.name);
  const auto find = [&](const std::string& name) -> const Rule* {
    const auto found = std::find_if(book_.rules.begin(), book_.rules.end(),
                                    [&](const Rule& known) { return known.name == name; });
    if (found != book_.rules.end()) return &*found;
    const std::string_view near = nearest(name, names);
    problem(places.rule, "rule \"{}\": there is no rule \"{}\"{}", rule.name, name,
            near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near));
    return nullptr;
  };
  for (const std::string& name : {rule.if_expired, rule.if_unexpired, rule.unannounced, rule.own_peer}) {
    const Rule* const other = name.empty() ? nullptr : find(name);
    if (other != nullptr && (other->kernel != KernelSign::none || other->packet != PacketSign::none ||
                             !other->if_expired.empty() || !other->if_unexpired.empty() ||
                             !other->unannounced.empty() || !other->own_peer.empty()))
      problem(places.rule,
              "rule \"{}\": the rule \"{}\" cannot take its lines, it is the kernel's or passes on itself",
              rule.name, name);
  }
  for (const auto* const words : {&rule.taken_back_by, &rule.taken_back_after})
    for (const std::string& name : *words) {
      const Rule* const other = find(name);
      if (other != nullptr && other->begins.empty())
        problem(places.rule, "rule \"{}\": the rule \"{}\" has no lines that could take one back", rule.name,
                name);
    }
  for (const std::string& name : rule.announced_by) {
    const Rule* const other = find(name);
    if (other != nullptr && other->begins.empty())
      problem(places.rule, "rule \"{}\": the rule \"{}\" has no lines that could announce another", rule.name,
              name);
  }
}

void Proof::check_lines(const RuleSet& rules, RuleId id, const RulePlaces& places) {
  const Rule& rule = book_.rules[id];
  std::vector<bool> begins_shown(rule.begins.size());
  std::vector<bool> ends_shown(rule.ends.size());
  for (std::size_t i = 0; i < rule.examples.size(); ++i) {
    const std::optional<Record> record = parse_record(rule.examples[i], {});
    if (!record) {
      problem(places.examples[i], "rule \"{}\": the example does not begin as a line of coturn's does",
              rule.name);
      continue;
    }
    for (std::size_t j = 0; j < rule.begins.size(); ++j)
      if (record->message.starts_with(rule.begins[j])) begins_shown[j] = true;
    for (std::size_t j = 0; j < rule.ends.size(); ++j)
      if (record->message.ends_with(rule.ends[j])) ends_shown[j] = true;
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
    if (!begins_shown[j]) problem(places.begins[j], "rule \"{}\": no example begins like this", rule.name);
  for (std::size_t j = 0; j < rule.ends.size(); ++j)
    if (!ends_shown[j]) problem(places.ends[j], "rule \"{}\": no example ends like this", rule.name);
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
