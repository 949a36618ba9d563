// SPDX-License-Identifier: GPL-3.0-or-later
#include "explanation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "detect/time_guess.hpp"
#include "judge/ledger.hpp"
#include "judge/tally.hpp"
#include "source/docker_log.hpp"
#include "source/journal_json.hpp"

namespace coturn_guard {
namespace {

constexpr std::uint32_t kMostOffencesTried = 1000;
// A beginning that shares less than this with a line is not worth telling.
constexpr std::size_t kWorthTelling = 8;
// Stands for the client where the line names none (RFC 5737).
constexpr Address kSomebody = Address::v4(0xc0000201);

std::size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

std::string why_not(const Rule& rule, const Record& record) {
  if (rule.session && record.session.empty()) return "the rule wants a session's number before the message";
  if (!rule.session && !record.session.empty())
    return "the rule is about messages without a session's number";
  if (!rule.ends.empty() && std::none_of(rule.ends.begin(), rule.ends.end(), [&](const std::string& end) {
        return record.message.ends_with(end);
      }))
    return "it begins like the rule's messages, but does not end like them";
  return "it begins like the rule's messages, but the rest does not match the pattern";
}

}  // namespace

NearMiss nearest_rule(const RuleSet& rules, const Record& record) {
  const Rule* nearest = nullptr;
  std::size_t longest = 0;
  bool whole = false;
  for (const Rule& rule : rules.rules())
    for (const std::string& begin : rule.begins) {
      const std::size_t common = common_prefix(begin, record.message);
      const bool all_of_it = common == begin.size();
      const bool with_session = rule.session != record.session.empty();
      const auto worth = std::tuple(all_of_it, common, with_session);
      if (nearest == nullptr ||
          worth > std::tuple(whole, longest, nearest->session != record.session.empty())) {
        nearest = &rule;
        longest = common;
        whole = all_of_it;
      }
    }
  if (nearest == nullptr || (!whole && longest < kWorthTelling))
    return {"", "no rule is about messages that begin like this"};
  if (!whole) return {nearest->name, "it begins almost like the rule's messages"};
  return {nearest->name, why_not(*nearest, record)};
}

Measure fill_measure(const Rule& rule, const Event& event, const Policy& policy, bool different) {
  constexpr HashSeed kAnySeed{};  // nobody chooses addresses here
  constexpr Now kOneMoment{};
  Tally tally(kAnySeed);
  Ledger ledger(policy, kAnySeed);
  Offence offence{.address = event.client ? event.client->address : kSomebody,
                  .rule = event.rule,
                  .points = event.points,
                  .evidence = Evidence::claimed,
                  .count = event.count,
                  .what = 1};
  for (std::uint32_t n = 1; n <= kMostOffencesTried; ++n) {
    if (different) offence.what = n;
    Offence charged = offence;
    charged.points =
        tally.cost(ledger.prefix_of(offence.address), offence, rule.trait, policy.findtime, kOneMoment);
    if (const auto verdict = ledger.record(charged, rule.trait.window, kOneMoment))
      return {n, verdict->duration};
  }
  return {};
}

Explainer::Explainer(Recogniser recogniser, TimeFormat time_format, const Config& config)
    : recogniser_(std::move(recogniser)),
      time_format_(std::move(time_format)),
      tags_(config.log_tags),
      policy_(config.policy) {
  recogniser_.set_tags(tags_);
  recogniser_.believe_announced();
  allowlist_.set_ignored(config.ignoreip);
  allowlist_.set_own(config.coturn_networks);
}

Explanation Explainer::explain(std::string_view given, const Now& now) {
  Explanation made;
  made.line = given;
  // What keeps lines in JSON is unwrapped first, as replay does.
  std::string inner;
  if (const auto docker = decode_docker_line(given))
    inner = docker->text.substr(0, docker->text.find('\n'));
  else if (const auto journal = decode_journal_line(given))
    inner = journal->text;
  const std::string_view line = inner.empty() ? given : inner;
  ++stream_;
  std::vector<std::string> tags = tags_;
  for (std::string& name : guess_compose_names(std::string(line) + '\n')) tags.push_back(std::move(name));
  recogniser_.set_tags(tags);
  std::vector<Event> events;
  recogniser_.take({.text = line, .stream = stream_, .log = stream_}, now, events);
  recogniser_.finish(events);
  if (const auto record = parse_record(line, time_format_, tags)) {
    made.format = record->format;
    made.time = record->time;
    made.session = record->session;
    made.message = record->message;
    made.wrapper_bytes = record->wrapper_bytes;
    if (const auto text = rules().forgeable(record->message);
        text && record->format.family != RecordFamily::level)
      made.taints_bytes = static_cast<std::uint32_t>(text->bytes);
    if (events.empty()) made.near_miss = nearest_rule(rules(), *record);
  } else {
    made.wrapper_bytes = static_cast<std::uint32_t>(wrapper_bytes(line, tags));
  }
  if (!events.empty()) judge(events.front(), made);
  recogniser_.forget(stream_);
  return made;
}

void Explainer::judge(const Event& event, Explanation& made) const {
  const Rule& rule = rules().rule(event.rule);
  made.rule = event.rule;
  made.client = event.client;
  made.local = event.local;
  made.peer = event.peer;
  made.user = event.user;
  made.evidence = event.evidence;
  made.count = event.count;
  if (event.client)
    if (const auto why = allowlist_.spares(Prefix(event.client->address, kWholeAddress)))
      made.never_judged = *why;
  if (!rule.is_offence()) return;
  made.alike = fill_measure(rule, event, policy_, false);
  if (rule.trait.distinct != Distinct::nothing) made.different = fill_measure(rule, event, policy_, true);
}

}  // namespace coturn_guard
