// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/announcements.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

#include "detect/session_number.hpp"

namespace coturn_guard {
namespace {

// What is behind them is the session's number within its thread (session_number.hpp).
constexpr std::size_t kDigitsOfCounter = 15;

// No table is keyed by it, and who finds two names of one hash gains nothing that the same name twice does
// not give.
std::uint64_t hash_of(std::string_view user) {
  return user.empty() ? 0 : std::hash<std::string_view>{}(user) | 1U;
}

constexpr std::uint64_t kLinesBetweenLooks = 1024;

bool within(std::uint64_t earlier, std::uint64_t line) {
  return earlier != 0 && (earlier >= line || line - earlier <= Announcements::kReachLines);
}

std::uint32_t sum(std::uint32_t a, std::uint32_t b) {
  return a + std::min(b, std::numeric_limits<std::uint32_t>::max() - a);
}

void add(std::vector<Accusation::Suspect>& to, const Accusation::Suspect& suspect) {
  const auto known = std::find_if(to.begin(), to.end(), [&](const Accusation::Suspect& other) {
    return other.session == suspect.session;
  });
  if (known != to.end())
    known->lines = sum(known->lines, suspect.lines);
  else if (to.size() < Announcements::kMaxSuspects)
    to.push_back(suspect);
}

bool fits(std::uint64_t announced_user, std::uint64_t user) {
  return announced_user == 0 || user == 0 || announced_user == user;
}

bool is_one_of(const std::vector<RuleId>& rules, RuleId rule) {
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

}  // namespace

std::uint64_t Announcements::pass(std::uint32_t log, std::string_view session, std::uint64_t line) {
  // Lines that announce nothing must not keep a trial open: whose sessions it is about are forgotten
  // meanwhile when many others come.
  if (line >= next_look_) {
    drop_far(line);
    next_look_ = line + kLinesBetweenLooks;
  }
  if (session.size() <= kDigitsOfCounter) return 0;
  const std::uint64_t number = session_number(session.substr(0, session.size() - kDigitsOfCounter));
  // Threads are few and not an attacker's to choose. Whose place another takes is one of which nothing is
  // known: then more lines fit.
  Thread& thread = threads_[(number * 31 + std::uint64_t{log} * 257) % kThreads];
  const bool known = thread.line != 0 && thread.log == log && thread.thread == number;
  const std::uint64_t previous = known ? thread.line : 0;
  thread = {log, number, line};
  return previous;
}

Announcements::Log& Announcements::log_of(std::uint32_t number) {
  if (!logs_.empty() && logs_.back().log == number) return logs_.back();
  const auto known =
      std::find_if(logs_.begin(), logs_.end(), [&](const Log& log) { return log.log == number; });
  if (known != logs_.end()) {
    std::rotate(known, known + 1, logs_.end());
    return logs_.back();
  }
  if (logs_.size() >= kMaxLogs) {
    while (!logs_.front().waiting.empty()) drop_front(logs_.front());
    logs_.erase(logs_.begin());
  }
  logs_.push_back({});
  logs_.back().log = number;
  return logs_.back();
}

// No line will fit it any more.
void Announcements::drop_front(Log& log) {
  const TrialId id = log.waiting.front().trial;
  log.waiting.pop_front();
  ++log.gone;
  if (id == 0 || id == kSpent) return;
  const auto found = trials_.find(id);
  if (--found->second.open != 0) return;
  decide(found->second);
  trials_.erase(found);
}

void Announcements::drop_far(std::uint64_t line) {
  for (Log& log : logs_)
    while (!log.waiting.empty() && !within(log.waiting.front().line, line)) drop_front(log);
}

void Announcements::decide(Trial& trial) {
  if (trial.accusation.offences == 0) return;
  trial.accusation.kind = Accusation::Kind::decided;
  decided_.push_back(std::move(trial.accusation));
}

// The line of each announcement that nothing fits any more is among those that were counted; of the others
// nobody knows.
void Announcements::end_by_force(Log& log, TrialId id) {
  Trial& trial = trials_[id];
  Accusation lost;
  lost.kind = Accusation::Kind::decided;
  lost.like = trial.accusation.like;
  for (const std::uint64_t number : trial.announcements) {
    if (number < log.gone) continue;
    Waiting& known = log.waiting[number - log.gone];
    known.trial = kSpent;
    lost.offences = sum(lost.offences, known.count);
  }
  lost.offences = std::min(lost.offences, trial.accusation.offences);
  trial.accusation.offences -= lost.offences;
  if (lost.offences != 0) decided_.push_back(std::move(lost));
  decide(trial);
  trials_.erase(id);
}

void Announcements::announce(const Event& event, const Position& at, bool certain) {
  drop_far(at.line);
  if (!certain) doubt(event.log, at.line);
  Log& log = log_of(event.log);
  // After a rotation a line that waited may come late.
  const std::uint64_t line = log.waiting.empty() ? at.line : std::max(at.line, log.waiting.back().line);
  if (line != at.line) doubt(event.log, line);
  log.waiting.push_back({.rule = event.rule,
                         .session = session_number(event.session),
                         .user = hash_of(event.user),
                         .line = line,
                         .count = event.count,
                         .certain = certain,
                         .doubtful = false,
                         .trial = 0,
                         .peer = event.peer,
                         .deed = event.deed});
}

Announcements::Reply Announcements::take(const Event& event, const std::vector<RuleId>& rules,
                                         const Position& at, bool certain, bool accuses) {
  if (!certain) {
    doubt(event.log, at.line);
    return {Answer::uncertain, std::nullopt};
  }
  Log& log = log_of(event.log);
  const std::uint64_t session = session_number(event.session);
  const std::uint64_t user = hash_of(event.user);
  std::size_t nameless = 0;
  bool uncertain = within(log.doubtful_line, at.line) && log.doubtful_line >= at.previous;
  std::optional<Address> peer;
  for (auto known = log.waiting.rbegin(); known != log.waiting.rend(); ++known) {
    if (known->line < at.previous || !within(known->line, at.line)) break;
    if (known->line > at.line || !is_one_of(rules, known->rule)) continue;
    if (known->session != 0 ? known->session != session : !fits(known->user, user)) continue;
    if (!known->certain) {
      uncertain = true;
    } else if (known->session != 0) {
      return {Answer::announced, known->peer};
    } else {
      peer = nameless == 0 ? known->peer : std::nullopt;
      ++nameless;
    }
  }
  if (nameless != 0)
    return {accuses ? Answer::contested : Answer::announced, uncertain ? std::nullopt : peer};
  return {uncertain ? Answer::uncertain : Answer::unannounced, std::nullopt};
}

// Of two trials the larger one's number goes on.
Announcements::TrialId Announcements::unite(Log& log, TrialId one, TrialId other) {
  if (one == other || other == 0) return one;
  if (one == 0) return other;
  if (trials_[one].announcements.size() < trials_[other].announcements.size()) std::swap(one, other);
  Trial& to = trials_[one];
  Trial& from = trials_[other];
  for (const std::uint64_t number : from.announcements) {
    if (number >= log.gone) log.waiting[number - log.gone].trial = one;
    to.announcements.push_back(number);
  }
  to.open += from.open;
  to.begun_line = std::min(to.begun_line, from.begun_line);
  to.begun = std::min(to.begun, from.begun);
  to.places.insert(to.places.end(), from.places.begin(), from.places.end());
  to.accusation.offences = sum(to.accusation.offences, from.accusation.offences);
  to.accusation.lines = sum(to.accusation.lines, from.accusation.lines);
  to.accusation.doubtful |= from.accusation.doubtful;
  for (const Accusation::Suspect& suspect : from.accusation.suspects) add(to.accusation.suspects, suspect);
  trials_.erase(other);
  return one;
}

void Announcements::accuse(const Event& event, const std::vector<RuleId>& rules, const Position& at) {
  Log& log = log_of(event.log);
  const std::uint64_t session = session_number(event.session);
  const std::uint64_t user = hash_of(event.user);
  TrialId id = 0;
  std::vector<std::uint64_t> fresh;  // that no line fitted yet
  for (std::size_t i = log.waiting.size(); i-- > 0;) {
    const Waiting& known = log.waiting[i];
    if (known.line < at.previous || !within(known.line, at.line)) break;
    if (known.line > at.line || !known.certain || known.session != 0) continue;
    if (!is_one_of(rules, known.rule) || !fits(known.user, user)) continue;
    if (known.trial == kSpent) continue;
    if (known.trial == 0)
      fresh.push_back(log.gone + i);
    else
      id = unite(log, id, known.trial);
  }
  if (id != 0 && at.line > trials_[id].begun_line + kLongestTrialLines) {
    end_by_force(log, id);
    id = 0;
  }
  if (id == 0) {
    if (fresh.empty()) return;
    while (id == 0 || id == kSpent || trials_.contains(id)) id = next_trial_++;
    trials_[id].begun_line = at.line;
    trials_[id].begun = log.waiting[fresh.back() - log.gone].deed.now.mono;
    Accusation& made = trials_[id].accusation;
    made.like = event;
    made.like.session = made.like.user = {};
    made.user = event.user;
  }
  Trial& trial = trials_[id];
  for (const std::uint64_t number : fresh) {
    Waiting& known = log.waiting[number - log.gone];
    known.trial = id;
    trial.announcements.push_back(number);
    ++trial.open;
    trial.accusation.offences = sum(trial.accusation.offences, known.count);
    trial.accusation.doubtful |= known.doubtful;
  }
  trial.accusation.lines = sum(trial.accusation.lines, event.count);
  if (event.known) return;  // an earlier run charged it, or nobody
  trial.accusation.like.fresh = event.fresh;
  if (trial.places.size() < kReachLines) trial.places.emplace_back(session, event.at);
  add(trial.accusation.suspects, {session, event.count});
  accused_ = true;
  Accusation awaited;
  awaited.like = trial.accusation.like;
  awaited.suspects.push_back({session, 0});
  decided_.push_back(std::move(awaited));
}

void Announcements::shook_hands(std::uint32_t log, std::string_view digits) {
  const std::uint64_t session = session_number(digits);
  if (!accused_ || session == 0) return;
  Accusation told;
  told.kind = Accusation::Kind::handshaken;
  told.like.log = log;
  told.suspects.push_back({session, 0});
  decided_.push_back(told);
  for (auto& [id, trial] : trials_) {
    Accusation& accusation = trial.accusation;
    if (accusation.like.log != log) continue;
    const auto suspect = std::find_if(accusation.suspects.begin(), accusation.suspects.end(),
                                      [&](const auto& other) { return other.session == session; });
    if (suspect == accusation.suspects.end()) continue;
    // Nobody but its client had these lines written, and no client that guesses nothing does: they come
    // before any that may be forged.
    Accusation own = accusation;
    own.kind = Accusation::Kind::decided;
    own.doubtful = false;
    own.offences = own.lines = std::min(suspect->lines, accusation.offences);
    own.suspects = {{session, own.lines}};
    accusation.offences -= own.offences;
    accusation.lines -= suspect->lines;
    accusation.suspects.erase(suspect);
    std::erase_if(trial.places, [&](const auto& place) { return place.first == session; });
    if (own.offences != 0) decided_.push_back(std::move(own));
  }
}

void Announcements::doubt(std::uint32_t log, std::uint64_t line) {
  doubt(log_of(log), line);
}

void Announcements::doubt_all(std::uint64_t line) {
  for (Log& log : logs_) doubt(log, line);
}

void Announcements::doubt(Log& log, std::uint64_t line) {
  log.doubtful_line = std::max(log.doubtful_line, line);
  for (auto known = log.waiting.rbegin(); known != log.waiting.rend() && !known->doubtful; ++known) {
    known->doubtful = true;
    if (known->trial != 0 && known->trial != kSpent) trials_[known->trial].accusation.doubtful = true;
  }
}

void Announcements::forget(std::uint64_t line) {
  for (auto& [id, trial] : trials_) {
    trial.accusation.suspects.clear();
    decide(trial);
  }
  trials_.clear();
  for (Log& log : logs_) {
    log.gone += log.waiting.size();
    log.waiting.clear();
    log.doubtful_line = std::max<std::uint64_t>(line, 1);
  }
}

void Announcements::wait_no_longer(std::uint32_t number, const Now& now) {
  for (Log& log : logs_)
    if (log.log == number) return wait_no_longer(log, now);
}

void Announcements::wait_no_longer(Log& log, const Now& now) {
  while (!log.waiting.empty() && now.mono - log.waiting.front().deed.now.mono >= kPatience) drop_front(log);
  // Once a second: there may be many.
  const auto second = std::chrono::floor<std::chrono::seconds>(now.mono);
  if (std::exchange(log.looked_through, second) == second) return;
  for (std::size_t i = 0; i < log.waiting.size(); ++i) {
    const TrialId id = log.waiting[i].trial;
    if (id != 0 && id != kSpent && now.mono - trials_[id].begun >= kLongestTrial) end_by_force(log, id);
  }
}

void Announcements::date(const Dating& dating) {
  for (Log& log : logs_)
    for (Waiting& known : log.waiting) dating.date(known.deed);
  for (auto& [id, trial] : trials_) dating.date(trial.accusation.like.deed);
  for (Accusation& accusation : decided_) dating.date(accusation.like.deed);
}

void Announcements::decide_all() {
  for (Log& log : logs_)
    while (!log.waiting.empty()) drop_front(log);
}

void Announcements::take_accusations(std::vector<Accusation>& into) {
  if (decided_.empty()) return;
  if (into.empty()) return into.swap(decided_);
  std::move(decided_.begin(), decided_.end(), std::back_inserter(into));
  decided_.clear();
}

std::uint64_t Announcements::milli_on_trial(std::uint32_t log, std::uint64_t session) const {
  std::uint64_t milli = 0;
  for (const auto& [id, trial] : trials_) {
    const Accusation& accusation = trial.accusation;
    if (accusation.like.log != log) continue;
    for (const Accusation::Suspect& suspect : accusation.suspects)
      if (suspect.session == session)
        milli += worth_milli(accusation.like, std::min(suspect.lines, accusation.offences));
  }
  return milli;
}

void Announcements::waiting(std::vector<LinePlace>& lines) const {
  for (const auto& [id, trial] : trials_)
    for (const auto& [session, place] : trial.places) lines.push_back(place);
}

}  // namespace coturn_guard
