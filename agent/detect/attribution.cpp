// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/attribution.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "detect/attribution_state.hpp"
#include "detect/session_number.hpp"

namespace coturn_guard {
namespace {

using Record = SessionTable::Record;
using Pending = SessionTable::Pending;

// tick() forgets at most so many sessions of each kind, a millisecond's work; the table's bound holds without
// it.
constexpr std::size_t kForgottenPerTick = 16'384;

bool is_older(const Record& record, std::uint32_t time, std::chrono::seconds age) {
  return time > record.seen && std::chrono::seconds{time - record.seen} > age;
}

std::chrono::seconds longest(SessionTable::Kind kind) {
  switch (kind) {
    case SessionTable::Kind::logged_in: return Attribution::kLongestSession;
    case SessionTable::Kind::ended: return Attribution::kTombstone;
    default: return Attribution::kLongestWait;
  }
}

}  // namespace

// Seconds since the first call, from 1 on. It goes where the lines are: a log that is behind tells of earlier
// ones.
std::uint32_t Attribution::State::seconds(const Now& now) {
  if (!begun) {
    begun = true;
    begin = now;
  }
  // Whole seconds of the clock, so that it is the same whenever the first call came.
  const auto second = [](const Now& when) {
    return std::chrono::floor<std::chrono::seconds>(when.mono.time_since_epoch()).count();
  };
  const std::int64_t passed = second(now) - second(begin);
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::clamp(passed + 1, std::int64_t{1}, kMost));
}

void Attribution::State::put(Record& record, RuleId rule, std::uint32_t count, std::uint64_t what_of,
                             const RuleSet& rules, std::vector<Attributed>& out) {
  const Rule& of = rules.rules()[rule];
  // The kernel's word for the line that named the client holds for his whole connection.
  const bool proven = record.proven && of.evidence == Evidence::claimed;
  Event event;
  event.rule = rule;
  event.client = Endpoint{record.client, record.port};
  event.points = of.trait.points;
  event.evidence = proven ? Evidence::proven : of.evidence;
  event.count = count;
  if (is_unproven_path(record)) charge_nobody(record, event, of);
  event.log = record.log;
  event.fresh = record.fresh;
  out.push_back(Attributed{event, what_of, 0, false});
}

void Attribution::State::charge_nobody(Record& record, Event& event, const Rule& rule) {
  if (event.evidence == Evidence::spoofable || event.count == 0) return;
  counters.moved += event.count;
  if (!rule.off) moved_milli += worth_milli(event, beyond_free(record, event, rule));
  event.evidence = Evidence::spoofable;
}

// The good name is nobody's while the address may be anybody's.
void Attribution::State::tell_login(Record& record, RuleId rule, std::vector<Attributed>& out) const {
  if (is_unproven_path(record)) return;
  Event event;
  event.rule = rule;
  event.client = Endpoint{record.client, record.port};
  event.log = record.log;
  event.fresh = record.fresh;
  out.push_back(Attributed{event, 0, record.user, true});
  record.login_told = true;
}

std::uint64_t Attribution::State::drop_waiting(Record& record) {
  const std::uint64_t dropped = table.clear_pending(record);
  waiting -= dropped;
  return dropped;
}

void Attribution::State::forget(Record& record) {
  if (record.shared) shared.gone(record.log, record.session);
  counters.unattributed += drop_waiting(record);
  table.erase(record);
}

// Whenever tick() comes by: a log is judged by its own time.
void Attribution::State::forget_if_old(const Event& event, std::uint32_t time) {
  shared.tick(event.log, time);
  for (const auto kind :
       {SessionTable::Kind::forgeable, SessionTable::Kind::waiting, SessionTable::Kind::heavy})
    for (std::size_t i = 0; i < kForgottenPerTick; ++i) {
      Record* const oldest = table.oldest(kind);
      if (oldest == nullptr || oldest->log != event.log || !is_older(*oldest, time, longest(kind))) break;
      forget(*oldest);
    }
  if (event.session.empty()) return;
  Record* const record = table.find(event.log, session_number(event.session));
  if (record != nullptr && is_older(*record, time, longest(record->kind))) forget(*record);
}

Record& Attribution::State::obtain(std::uint32_t log, std::uint64_t session, std::uint32_t time) {
  if (Record* known = table.find(log, session)) {
    table.touch(*known, time);
    return *known;
  }
  if (table.size() >= kMaxSessions) {
    forget(table.least_wanted());
    ++counters.evicted;
  }
  ++counters.sessions;
  return table.insert(log, session, time);
}

// The session's client is known from here on.
void Attribution::State::tie(Record& record, const Event& event, const RuleSet& rules, std::uint32_t time,
                             std::vector<Attributed>& out) {
  if (!record.tied || record.client != event.client->address) record.login_told = false;  // mobility
  const bool same = record.client == event.client->address && record.port == event.client->port;
  record.connected = tells_of_connection(rules.rule(event.rule)) || (record.connected && same);
  record.tied = true;
  record.client = event.client->address;
  record.port = event.client->port;
  record.proven = event.evidence == Evidence::proven;
  record.fresh = event.fresh;
  table.raise(record, SessionTable::Kind::waiting);
  if (record.logged_in && !record.login_told) tell_login(record, event.rule, out);
  charge_pending(record, rules, time, out);
  if (!record.shared) return;
  record.shared = false;
  if (record.logged_in || is_unproven_path(record))
    shared.gone(record.log, record.session);
  else
    shared.named(record.log, record.session, {{record.client, record.port}, record.proven, record.fresh});
  put_decided(rules, out);
}

// An event of a session whose line was before.
void Attribution::State::charge_late(const Event& event, const Rule& rule, Record& record,
                                     const RuleSet& rules, std::uint32_t time, std::vector<Attributed>& out) {
  if (is_excused(rule, record)) {
    counters.excused += event.count;
    return;
  }
  if (!record.tied) return wait(record, event, rule, time);
  record.fresh = event.fresh;
  const std::uint32_t anew = told_anew(record, event.rule, event.count, rules);
  counters.charged += anew;
  counters.told_twice += event.count - anew;
  if (anew > 0) put(record, event.rule, anew, what(event, rule.trait.distinct), rules, out);
}

void Attribution::State::take_named(const Event& event, const Rule& rule, const RuleSet& rules,
                                    std::uint32_t time, std::vector<Attributed>& out) {
  std::uint32_t anew = event.count;
  Event told = event;
  bool excused = false;
  bool login_told = false;
  if (!event.session.empty() && event.evidence != Evidence::tainted) {
    const std::uint64_t session = session_number(event.session);
    // What names its client anyway needs no memory, unless something may come after it.
    const bool remember = rule.login || !rule.misdeed.empty() || (!is_offence(rule, event) && !rule.closes);
    Record* record = remember ? &obtain(event.log, session, time) : table.find(event.log, session);
    if (record != nullptr) {
      if (rule.login) {
        record->user = user_number(event.user, seed);
        record->login_told = false;
        table.mark_logged_in(*record, time);
        login_told = true;
      }
      tie(*record, event, rules, time, out);
      excused = is_offence(rule, event) && is_excused(rule, *record);
      if (!excused) anew = told_anew(*record, event.rule, event.count, rules);
      told.count = anew;
      if (is_unproven_path(*record) && is_offence(rule, event) && !excused)
        charge_nobody(*record, told, rule);
      if (rule.closes) {
        if (record->logged_in || record->awaited)
          table.mark_ended(*record, time);
        else
          forget(*record);
      }
    }
  }
  if (rule.login && !login_told && event.evidence != Evidence::tainted) {
    const UserNumber user = user_number(event.user, seed);
    Attributed login{event, 0, user, true};
    login.event.user = login.event.session = {};
    out.push_back(login);
  }
  if (!goes_on(rule, event)) return;
  if (excused) {
    counters.excused += event.count;
    return;
  }
  counters.told_twice += event.count - anew;
  if (anew == 0) return;
  Attributed charged{told, what(event, rule.trait.distinct), 0, false};
  charged.event.user = charged.event.session = {};
  out.push_back(charged);
}

void Attribution::State::take_nameless(const Event& event, const Rule& rule, const RuleSet& rules,
                                       std::uint32_t time, std::vector<Attributed>& out) {
  const bool trusted = !event.session.empty() && event.evidence != Evidence::tainted;
  if (!trusted) {
    if (is_offence(rule, event)) counters.unattributed += event.count;
    return;
  }
  const std::uint64_t session = session_number(event.session);
  if (rule.login) {
    Record& record = obtain(event.log, session, time);
    record.user = user_number(event.user, seed);
    record.login_told = false;
    table.mark_logged_in(record, time);
    if (record.tied) tell_login(record, event.rule, out);
  }
  if (rule.moves) move(obtain(event.log, session, time), time);
  if (rule.refreshes || rule.answers_refresh) follow_refresh(event.log, session, rule, time);
  if (goes_on(rule, event)) {
    charge_late(event, rule, obtain(event.log, session, time), rules, time, out);
  }
  if (!rule.closes) return;
  if (Record* const record = table.find(event.log, session)) forget(*record);
}

// One thread writes both lines, with nothing of its own in between.
void Attribution::State::follow_refresh(std::uint32_t log, std::uint64_t session, const Rule& rule,
                                        std::uint32_t time) {
  const std::uint64_t thread = session / kSessionsOfThread;
  Refreshed& last = refreshed[(thread * 31 + std::uint64_t{log} * 257) % refreshed.size()];
  const Refreshed before = std::exchange(last, rule.refreshes ? Refreshed{log, session} : Refreshed{});
  if (rule.refreshes || before.session == 0 || before.session == session || before.log != log) return;
  if (before.session / kSessionsOfThread == thread) move(obtain(log, before.session, time), time);
}

// The session's address is another from here on, and may be anybody's: coturn takes the nonce that the old
// one was given, so that nothing proves that the new one hears it. It is the user's, or that of whoever got
// hold of its ticket and a request that its key signed, first. So what was done before is the old address's
// where a line named it, and was charged; else it waits for a line that names the new one over TCP, and
// without that it is charged to nobody, and counted.
void Attribution::State::move(Record& record, std::uint32_t time) {
  record.tied = record.proven = record.connected = record.login_told = record.handshaken = false;
  record.moved = true;
  table.mark_logged_in(record, time);
}

Attribution::Attribution(const HashSeed& seed) : state_(std::make_unique<State>(seed)) {}
Attribution::Attribution(Attribution&&) noexcept = default;
Attribution& Attribution::operator=(Attribution&&) noexcept = default;
Attribution::~Attribution() = default;

void Attribution::take(const Event& event, const RuleSet& rules, const Now& now,
                       std::vector<Attributed>& attributed) {
  const Rule& rule = rules.rules()[event.rule];
  const std::uint32_t time = state_->seconds(now);
  state_->forget_if_old(event, time);
  state_->put_decided(rules, attributed);
  if (event.client)
    state_->take_named(event, rule, rules, time, attributed);
  else
    state_->take_nameless(event, rule, rules, time, attributed);
  if (event.session.empty() || event.evidence == Evidence::tainted) return;
  if (Record* const record = state_->table.find(event.log, session_number(event.session)))
    state_->table.note(*record);
}

void Attribution::begin(std::chrono::steady_clock::time_point origin) {
  state_->begun = true;
  state_->begin.mono = origin;
  state_->table.note_changes();
}

void Attribution::rules_changed(const RuleSet& from, const RuleSet& to) {
  State& state = *state_;
  state.shared.clear();
  constexpr RuleId kGone = std::numeric_limits<RuleId>::max();
  std::vector<RuleId> number(from.rules().size(), kGone);
  for (std::size_t i = 0; i < number.size(); ++i) number[i] = to.find(from.rules()[i].name).value_or(kGone);
  state.table.each([&](Record& record) {
    state.table.keep_pending(record, [&](Pending& entry) {
      entry.rule = entry.rule < number.size() ? number[entry.rule] : kGone;
      if (entry.rule != kGone) return true;
      if (!entry.settled) {
        const std::uint64_t lost = std::uint64_t{entry.count} + entry.worst;
        state.waiting -= lost;
        state.counters.unattributed += lost;
      }
      return false;
    });
  });
  note_everything();
}

void Attribution::restarted(std::uint32_t log) {
  state_->table.each([&](Record& record) {
    if (record.log == log) state_->forget(record);
  });
}

void Attribution::tick(const Now& now, const Late& late) {
  State& state = *state_;
  const auto time_of = [&](std::uint32_t log) { return state.seconds({now.mono - late(log), now.wall}); };
  const auto forget_older = [&](SessionTable::Kind kind, std::chrono::seconds age) {
    for (std::size_t i = 0; i < kForgottenPerTick; ++i) {
      Record* const oldest = state.table.oldest(kind);
      if (oldest == nullptr || !is_older(*oldest, time_of(oldest->log), age)) return;
      state.forget(*oldest);
    }
  };
  state.shared.tick(time_of);
  forget_older(SessionTable::Kind::forgeable, kLongestWait);
  forget_older(SessionTable::Kind::waiting, kLongestWait);
  forget_older(SessionTable::Kind::heavy, kLongestWait);
  forget_older(SessionTable::Kind::logged_in, kLongestSession);
  forget_older(SessionTable::Kind::ended, kTombstone);
}

std::optional<Address> Attribution::client_of(std::uint32_t log, std::uint64_t session) const {
  const Record* const record = state_->table.find(log, session);
  return record != nullptr && record->tied ? std::optional(record->client) : std::nullopt;
}
std::size_t Attribution::sessions() const {
  return state_->table.size();
}
std::size_t Attribution::waiting() const {
  return state_->waiting;
}
std::uint64_t Attribution::waiting_milli(std::uint32_t log, std::uint64_t session,
                                         const RuleSet& rules) const {
  std::uint64_t milli = 0;
  SessionTable& table = state_->table;
  Record* const record = table.find(log, session);
  if (record == nullptr) return 0;
  for (Pending* entry = table.first(*record); entry != nullptr; entry = table.next(*entry)) {
    const Rule& rule = rules.rules()[entry->rule];
    if (entry->settled || rule.off || rule.evidence == Evidence::spoofable) continue;
    milli += static_cast<std::uint64_t>(std::max(times(rule.trait.points, entry->count).milli, 0));
  }
  return milli;
}
std::size_t Attribution::bytes() const {
  return sizeof(State) + state_->table.bytes();
}
std::uint64_t Attribution::ambiguous_milli() const {
  return state_->ambiguous_milli + state_->shared.lost_milli();
}
std::uint64_t Attribution::moved_milli() const {
  return state_->moved_milli;
}
const AttributionCounters& Attribution::counters() const {
  State& state = *state_;
  state.counters.ambiguous = state.ambiguous + state.shared.lost();
  return state.counters;
}

}  // namespace coturn_guard
