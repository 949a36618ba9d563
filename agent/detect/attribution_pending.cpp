// SPDX-License-Identifier: GPL-3.0-or-later
// What a session did before its client is known.
#include <algorithm>
#include <array>
#include <limits>

#include "detect/attribution_state.hpp"

namespace coturn_guard {
namespace {

using Record = SessionTable::Record;
using Pending = SessionTable::Pending;

std::uint32_t window_seconds(const Rule& rule) {
  constexpr std::chrono::seconds kFindtime{3600};
  const std::chrono::seconds window = rule.trait.window.count() > 0 ? rule.trait.window : kFindtime;
  return static_cast<std::uint32_t>(
      std::min(window, std::chrono::seconds{Attribution::kLongestSession}).count());
}
bool same_misdeed(const Rule& a, const Rule& b) {
  return !a.misdeed.empty() && a.misdeed == b.misdeed;
}

}  // namespace

// Of this session so many of this misdeed were told by this rule, beyond what any rule told before. Keeps the
// rules' sums as settled entries, so that the largest of them is what was charged.
std::uint32_t Attribution::State::told_anew(Record& record, RuleId rule, std::uint32_t count,
                                            const RuleSet& rules) {
  const Rule& of = rules.rules()[rule];
  if (of.misdeed.empty()) return count;
  std::uint32_t charged = 0;
  Pending* own = nullptr;
  for (Pending* entry = table.first(record); entry != nullptr; entry = table.next(*entry)) {
    if (!entry->settled || !same_misdeed(rules.rules()[entry->rule], of)) continue;
    charged = std::max(charged, entry->count);
    if (entry->rule == rule) own = entry;
  }
  if (own == nullptr) own = table.add_pending(record, Pending{.rule = rule, .settled = true});
  if (own == nullptr) return count;  // no memory left for what other rules tell: rather twice than never
  const std::uint32_t room = std::numeric_limits<std::uint32_t>::max() - own->count;
  own->count += std::min(count, room);
  return own->count > charged ? own->count - charged : 0;
}

// How many of them are more than any call has. Keeps the rule's sum as a settled entry; those of a misdeed's
// rules are told_anew()'s.
std::uint32_t Attribution::State::beyond_free(Record& record, const Event& event, const Rule& rule) {
  if (rule.trait.free == 0 || !rule.misdeed.empty()) return event.count;
  Pending* own = nullptr;
  for (Pending* entry = table.first(record); entry != nullptr; entry = table.next(*entry))
    if (entry->settled && entry->rule == event.rule) own = entry;
  if (own == nullptr) own = table.add_pending(record, Pending{.rule = event.rule, .settled = true});
  if (own == nullptr) return event.count;  // no memory left for it: rather told too early than never
  const std::uint32_t free = rule.trait.free - std::min(rule.trait.free, own->count);
  own->count += std::min(event.count, std::numeric_limits<std::uint32_t>::max() - own->count);
  return event.count - std::min(event.count, free);
}

// Of what all sessions may have waiting together: those go first that would go first of the sessions.
void Attribution::State::make_room(const Record& except) {
  constexpr int kMostAtOnce = 16;
  for (int i = 0; i < kMostAtOnce && table.is_full(); ++i) {
    Record& least = table.least_wanted();
    if (&least == &except) return;
    forget(least);
    ++counters.evicted;
  }
}

void Attribution::State::wait(Record& record, const Event& event, const Rule& rule, std::uint32_t time) {
  const std::uint64_t what_of = what(event, rule.trait.distinct);
  Pending* entry = nullptr;
  if (event.evidence != Evidence::spoofable) {
    table.raise(record, SessionTable::Kind::waiting);
    std::uint64_t offences = event.count;
    for (Pending* other = table.first(record); other != nullptr; other = table.next(*other))
      offences += other->settled ? 0 : std::uint64_t{other->count} + other->worst;
    if (offences >= SessionTable::kHeavy) table.raise(record, SessionTable::Kind::heavy);
  }
  if (table.is_full()) make_room(record);
  for (Pending* other = table.first(record); other != nullptr; other = table.next(*other)) {
    if (other->settled || other->rule != event.rule) continue;
    entry = other;
    if (other->what == what_of) break;
  }
  if (entry == nullptr || entry->what != what_of)
    if (Pending* const added =
            table.add_pending(record, Pending{.what = what_of, .since = time, .rule = event.rule}))
      entry = added;
  if (entry == nullptr) {
    counters.unattributed += event.count;
    return;
  }
  // Of what was joined for want of room nobody can say any more whom it was about.
  if (entry->what != what_of) entry->what = 0;
  if (time > entry->since && time - entry->since >= window_seconds(rule)) {
    const std::uint32_t outweighed = std::min(entry->count, entry->worst);
    entry->worst = std::max(entry->count, entry->worst);
    entry->count = 0;
    entry->since = time;
    waiting -= outweighed;
    counters.outdated += outweighed;
  }
  const std::uint32_t kept = std::min(event.count, std::numeric_limits<std::uint32_t>::max() - entry->count);
  entry->count += kept;
  waiting += kept;
  counters.unattributed += event.count - kept;
}

void Attribution::State::charge_pending(Record& record, const RuleSet& rules, std::uint32_t time,
                                        std::vector<Attributed>& out) {
  if (table.first(record) == nullptr) return;
  // Taken out first: what is charged may leave settled entries in the same list.
  std::array<Pending, kMaxPendingOfSession> taken;
  std::size_t count = 0;
  table.take_unsettled(record, [&](const Pending& entry) {
    const std::uint32_t outweighed = std::min(entry.count, entry.worst);
    waiting -= outweighed;
    counters.outdated += outweighed;
    taken[count] = entry;
    taken[count++].count = std::max(entry.count, entry.worst);
  });
  const auto sum_of = [&](RuleId rule) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i)
      if (taken[i].rule == rule) sum += taken[i].count;
    return sum;
  };
  // Of one misdeed the rule that told of most goes first, then nothing of the others is new.
  std::stable_sort(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(count),
                   [&](const Pending& a, const Pending& b) { return sum_of(a.rule) > sum_of(b.rule); });
  for (std::size_t i = 0; i < count; ++i) {
    const Pending& entry = taken[i];
    waiting -= entry.count;
    if (record.logged_in && rules.rules()[entry.rule].trait.credit == Credit::spares) {
      counters.excused += entry.count;
      continue;
    }
    const std::uint32_t anew = told_anew(record, entry.rule, entry.count, rules);
    counters.charged += anew;
    counters.told_twice += entry.count - anew;
    if (anew == 0) continue;
    put(record, entry.rule, anew, entry.what, rules, out);
    out.back().waited = std::chrono::seconds{time - std::min(time, entry.since)};
  }
}

}  // namespace coturn_guard
