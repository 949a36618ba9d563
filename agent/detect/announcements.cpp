// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/announcements.hpp"

#include <algorithm>
#include <functional>
#include <string_view>

#include "detect/session_number.hpp"

namespace coturn_guard {
namespace {

// No table is keyed by it, and who finds two names of one hash gains nothing that the same name twice does
// not give.
std::uint64_t hash_of(std::string_view user) {
  return user.empty() ? 0 : std::hash<std::string_view>{}(user) | 1U;
}

// Lines that waited come late, so that an earlier one may have a higher number.
bool within(std::uint64_t earlier, std::uint64_t line, std::uint64_t reach) {
  return earlier != 0 && (earlier >= line || line - earlier <= reach);
}

}  // namespace

void Announcements::announce(const Event& event, std::uint64_t line, bool certain) {
  while (!waiting_.empty() && !within(waiting_.front().line, line, kReachLines)) waiting_.pop_front();
  if (waiting_.size() >= kMaxWaiting) {
    waiting_.pop_front();
    doubtful_line_ = line;
  }
  const std::uint64_t session = session_number(event.session);
  if (session == 0) nameless_line_ = line;
  waiting_.push_back({event.rule, event.log, session, hash_of(event.user), line, certain, event.peer});
}

Announcements::Pair& Announcements::pair(const Event& event) {
  const auto found = std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& known) {
    return known.rule == event.rule && known.log == event.log;
  });
  if (found != pairs_.end()) return *found;
  if (pairs_.size() >= kMaxPairs) pairs_.erase(pairs_.begin());
  return pairs_.emplace_back(Pair{.rule = event.rule, .log = event.log});
}

bool Announcements::may_be_mixed_up(const Pair& pair, std::uint64_t line) const {
  return within(doubtful_line_, line, kReachLines) ||
         (within(nameless_line_, line, kReachLines) && within(pair.other_line, line, kNearLines));
}

Announcements::Reply Announcements::take(const Event& event, const std::vector<RuleId>& rules,
                                         std::uint64_t line, bool certain) {
  if (!certain) {
    doubtful_line_ = line;
    return {Answer::uncertain, std::nullopt};
  }
  Pair& seen = pair(event);
  const std::uint64_t session = session_number(event.session);
  if (seen.line != 0 && seen.session != session) seen.other_line = seen.line;
  seen.session = session;
  seen.line = line;
  const std::uint64_t user = hash_of(event.user);
  const auto found = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& announced) {
    if (announced.log != event.log || !within(announced.line, line, kReachLines)) return false;
    if (std::find(rules.begin(), rules.end(), announced.rule) == rules.end()) return false;
    if (announced.session != 0) return announced.session == session;
    return announced.user == 0 || user == 0 || announced.user == user;
  });
  if (found == waiting_.end())
    return {may_be_mixed_up(seen, line) ? Answer::uncertain : Answer::unannounced, std::nullopt};
  const Waiting announced = *found;
  waiting_.erase(found);
  if (!announced.certain) return {Answer::uncertain, std::nullopt};
  return {Answer::announced, announced.peer};
}

void Announcements::forget(std::uint64_t line) {
  waiting_.clear();
  pairs_.clear();
  doubtful_line_ = std::max<std::uint64_t>(line, 1);
}

}  // namespace coturn_guard
