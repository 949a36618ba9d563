// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_set.hpp"

#include <re2/set.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "detect/endings.hpp"
#include "detect/literal_index.hpp"
#include "detect/pattern.hpp"

namespace coturn_guard {
namespace {

// From so many rules that begin alike, one pass of RE2::Set over the message is faster than asking them in
// turn (measured with test/bench/detect_bench: a rule that does not match costs 60 to 120 ns, the set's
// answer 250).
constexpr std::size_t kRulesForSet = 5;

// Behind the last occurrence of `word`, 0: there is none. memmem, because std::string_view::rfind compares at
// each byte.
std::size_t end_of_last(std::string_view text, std::string_view word) {
  std::size_t end = 0;
  for (;;) {
    const void* const found = memmem(text.data() + end, text.size() - end, word.data(), word.size());
    if (found == nullptr) return end;
    end = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + word.size();
  }
}

}  // namespace

struct RuleSet::Compiled {
  // What is looked at before a rule is asked, apart from the rules, so that the look stays within a few cache
  // lines.
  struct Candidate {
    RuleId rule = 0;
    bool session = false;
    Endings endings;
  };
  // The rules whose messages can begin with one literal, in the book's order.
  struct Candidates {
    std::vector<Candidate> rules;
    std::unique_ptr<re2::RE2::Set> set;  // where they are many
  };
  // A rule of the book, ready to be asked. One that only takes what another passes on has no pattern.
  struct Ready {
    std::optional<Pattern> pattern;
    std::optional<RuleId> if_expired, if_unexpired, unannounced, own_peer;
    std::vector<RuleId> announced_by, taken_back_by, taken_back_after;
    bool announces = false, takes_back = false, foretells = false;
  };

  explicit Compiled(RuleBook from, LiteralIndex rule_begins, LiteralIndex forgeable_begins)
      : book(std::move(from)), begins(std::move(rule_begins)), forgeable(std::move(forgeable_begins)) {}

  [[nodiscard]] std::optional<RuleId> find(std::string_view name) const {
    for (std::size_t i = 0; i < book.rules.size(); ++i)
      if (book.rules[i].name == name) return static_cast<RuleId>(i);
    return std::nullopt;
  }
  [[nodiscard]] Result<> get_ready();
  [[nodiscard]] Result<> gather_candidates();
  [[nodiscard]] std::optional<Event> ask(RuleId id, std::string_view message, std::string_view session) const;

  RuleBook book;
  std::vector<Ready> ready;  // beside book.rules
  LiteralIndex begins;
  std::vector<Candidates> candidates;  // beside begins.literals()
  LiteralIndex forgeable;              // beside book.forgeable
  mutable std::vector<RuleId> asked;   // those that may match the message; kept for its memory
  mutable std::vector<int> hits;       // RE2::Set's answer; kept for its memory
  mutable std::uint64_t undecided = 0;
};

Result<> RuleSet::Compiled::get_ready() {
  for (const Rule& rule : book.rules) {
    Ready made{.pattern = std::nullopt,
               .if_expired = find(rule.if_expired),
               .if_unexpired = find(rule.if_unexpired),
               .unannounced = find(rule.unannounced),
               .own_peer = find(rule.own_peer)};
    std::vector<std::string> named = rule.announced_by;
    named.insert(named.end(), rule.taken_back_by.begin(), rule.taken_back_by.end());
    named.insert(named.end(), rule.taken_back_after.begin(), rule.taken_back_after.end());
    named.insert(named.end(), {rule.if_expired, rule.if_unexpired, rule.unannounced, rule.own_peer});
    for (const std::string& name : named)
      if (!name.empty() && !find(name)) return fail("rule {}: there is no rule \"{}\"", rule.name, name);
    const auto numbers = [&](const std::vector<std::string>& names, std::vector<RuleId>& ids) {
      for (const std::string& name : names) ids.push_back(*find(name));
    };
    numbers(rule.announced_by, made.announced_by);
    numbers(rule.taken_back_by, made.taken_back_by);
    numbers(rule.taken_back_after, made.taken_back_after);
    if (!rule.begins.empty()) {
      Result<Pattern> pattern = Pattern::compile(rule.pattern);
      if (!pattern) return fail("rule {}: {}", rule.name, pattern.error().message());
      made.pattern = std::move(*pattern);
    }
    ready.push_back(std::move(made));
  }
  for (std::size_t i = 0; i < ready.size(); ++i) {
    for (const RuleId id : ready[i].announced_by) ready[id].announces = true;
    for (const RuleId id : ready[i].taken_back_by) ready[id].takes_back = true;
    for (const RuleId id : ready[i].taken_back_after) ready[id].foretells = true;
  }
  return {};
}

Result<> RuleSet::Compiled::gather_candidates() {
  for (const std::string& literal : begins.literals()) {
    Candidates gathered;
    for (std::size_t i = 0; i < book.rules.size(); ++i) {
      const auto& of_rule = book.rules[i].begins;
      // also those with a shorter beginning: the index answers with the longest alone
      if (std::any_of(of_rule.begin(), of_rule.end(),
                      [&](const std::string& text) { return literal.starts_with(text); }))
        gathered.rules.push_back(
            {static_cast<RuleId>(i), book.rules[i].session, Endings(book.rules[i].ends)});
    }
    if (gathered.rules.size() >= kRulesForSet) {
      gathered.set = std::make_unique<re2::RE2::Set>(Pattern::options(), re2::RE2::ANCHOR_BOTH);
      for (const Candidate& candidate : gathered.rules)
        gathered.set->Add(ready[candidate.rule].pattern->expression(), nullptr);
      if (!gathered.set->Compile())
        return fail("rules that begin with \"{}\" need too much memory together", literal);
    }
    candidates.push_back(std::move(gathered));
  }
  return {};
}

std::optional<Event> RuleSet::Compiled::ask(RuleId id, std::string_view message,
                                            std::string_view session) const {
  std::optional<Event> event = ready[id].pattern->match(message);
  if (event) {
    event->rule = id;
    event->session = session;
    event->points = book.rules[id].trait.points;
    event->evidence = book.rules[id].evidence;
  }
  return event;
}

RuleSet::RuleSet(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;
RuleSet::~RuleSet() = default;

Result<RuleSet> RuleSet::create(RuleBook book) {
  if (book.rules.size() > std::numeric_limits<RuleId>::max())
    return fail("{} rules are too many", book.rules.size());
  std::vector<std::string> begins;
  std::vector<std::string> forgeable_begins;
  for (const Rule& rule : book.rules) begins.insert(begins.end(), rule.begins.begin(), rule.begins.end());
  for (const Forgeable& forgeable : book.forgeable) forgeable_begins.push_back(forgeable.begins);
  std::sort(begins.begin(), begins.end());
  begins.erase(std::unique(begins.begin(), begins.end()), begins.end());
  for (const std::vector<std::string>& texts : {begins, forgeable_begins}) {
    if (texts.size() > std::numeric_limits<std::uint16_t>::max())
      return fail("{} beginnings are too many", texts.size());
    for (const std::string& text : texts)
      if (text.empty()) return fail("a message cannot begin with nothing");
  }

  auto compiled = std::make_unique<Compiled>(std::move(book), LiteralIndex(std::move(begins)),
                                             LiteralIndex(std::move(forgeable_begins)));
  if (auto made = compiled->get_ready(); !made) return tl::unexpected(made.error());
  if (auto made = compiled->gather_candidates(); !made) return tl::unexpected(made.error());
  return RuleSet(std::move(compiled));
}

std::optional<Event> RuleSet::match(std::string_view message, std::string_view session) const {
  const std::size_t literal = compiled_->begins.find(message);
  if (literal == LiteralIndex::kNone) return std::nullopt;
  const Compiled::Candidates& candidates = compiled_->candidates[literal];
  const MessageTail tail(message);
  std::vector<RuleId>& asked = compiled_->asked;
  asked.clear();
  for (const Compiled::Candidate& candidate : candidates.rules)
    if (candidate.session != session.empty() && candidate.endings.fit(message, tail))
      asked.push_back(candidate.rule);
  if (asked.size() >= kRulesForSet) {
    re2::RE2::Set::ErrorInfo error{};
    std::vector<int>& hits = compiled_->hits;
    const bool any = candidates.set->Match(re2::StringPiece(message.data(), message.size()), &hits, &error);
    if (error.kind == re2::RE2::Set::kNoError) {
      if (!any) return std::nullopt;
      std::erase_if(asked, [&](RuleId id) {
        return std::none_of(hits.begin(), hits.end(), [&](int hit) {
          return candidates.rules[static_cast<std::size_t>(hit)].rule == id;
        });
      });
    } else {
      ++compiled_->undecided;
    }
  }
  if (asked.empty()) return std::nullopt;
  for (std::size_t i = 0; i + 1 < asked.size(); ++i)
    if (auto event = compiled_->ask(asked[i], message, session)) return event;
  return compiled_->ask(asked.back(), message, session);  // mostly the only one, and then nothing is copied
}

std::optional<ForgeableText> RuleSet::forgeable(std::string_view message) const {
  const std::size_t index = compiled_->forgeable.find(message);
  if (index == LiteralIndex::kNone) return std::nullopt;
  const Forgeable& forgeable = compiled_->book.forgeable[index];
  std::size_t begin = forgeable.begins.size();
  if (!forgeable.after.empty()) {
    const std::size_t found = message.find(forgeable.after, begin);
    if (found == std::string_view::npos) return std::nullopt;
    begin = found + forgeable.after.size();
  }
  return ForgeableText{begin, forgeable.text_bytes, forgeable.tail_bytes, forgeable.usual, forgeable.tail};
}

std::size_t RuleSet::forgeable_anywhere(std::string_view text) const {
  std::size_t end = 0;
  for (const Forgeable& forgeable : compiled_->book.forgeable) {
    const std::string& marker = forgeable.after.empty() ? forgeable.begins : forgeable.after;
    const std::size_t last_end = end_of_last(text, marker);
    if (last_end != 0) end = std::max(end, last_end + forgeable.text_bytes);
  }
  return end;
}

const Rule& RuleSet::rule(RuleId rule) const {
  static const Rule unknown = [] {
    Rule made;
    made.name = "?";
    return made;
  }();
  return rule < compiled_->book.rules.size() ? compiled_->book.rules[rule] : unknown;
}
std::optional<RuleId> RuleSet::find(std::string_view name) const {
  return compiled_->find(name);
}
void RuleSet::pass_on(Event& event, RuleId to) const {
  event.rule = to;
  event.points = trait(to).points;
  if (event.evidence != Evidence::tainted) event.evidence = rule(to).evidence;
}
std::optional<RuleId> RuleSet::own_peer(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].own_peer : std::nullopt;
}
std::optional<RuleId> RuleSet::if_expired(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].if_expired : std::nullopt;
}
std::optional<RuleId> RuleSet::if_unexpired(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].if_unexpired : std::nullopt;
}
namespace {
const std::vector<RuleId> kNoRules;
}
const std::vector<RuleId>& RuleSet::announced_by(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].announced_by : kNoRules;
}
const std::vector<RuleId>& RuleSet::taken_back_by(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].taken_back_by : kNoRules;
}
const std::vector<RuleId>& RuleSet::taken_back_after(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].taken_back_after : kNoRules;
}
bool RuleSet::takes_back(RuleId rule) const {
  return rule < compiled_->ready.size() && compiled_->ready[rule].takes_back;
}
bool RuleSet::foretells(RuleId rule) const {
  return rule < compiled_->ready.size() && compiled_->ready[rule].foretells;
}
std::optional<RuleId> RuleSet::unannounced(RuleId rule) const {
  return rule < compiled_->ready.size() ? compiled_->ready[rule].unannounced : std::nullopt;
}
bool RuleSet::announces(RuleId rule) const {
  return rule < compiled_->ready.size() && compiled_->ready[rule].announces;
}
std::optional<RuleId> RuleSet::kernel_rule(KernelSign sign) const {
  if (sign == KernelSign::none) return std::nullopt;
  for (std::size_t i = 0; i < compiled_->book.rules.size(); ++i)
    if (compiled_->book.rules[i].kernel == sign) return static_cast<RuleId>(i);
  return std::nullopt;
}
std::optional<RuleId> RuleSet::packet_rule(PacketSign sign) const {
  if (sign == PacketSign::none) return std::nullopt;
  for (std::size_t i = 0; i < compiled_->book.rules.size(); ++i)
    if (compiled_->book.rules[i].packet == sign) return static_cast<RuleId>(i);
  return std::nullopt;
}
const std::vector<Rule>& RuleSet::rules() const {
  return compiled_->book.rules;
}
std::uint64_t RuleSet::undecided() const {
  return compiled_->undecided;
}

}  // namespace coturn_guard
