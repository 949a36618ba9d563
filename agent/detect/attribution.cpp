// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/attribution.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "detect/rest_name.hpp"
#include "detect/session_number.hpp"
#include "detect/session_table.hpp"
#include "detect/shared_accusations.hpp"
#include "model/user_number.hpp"
#include "util/packed.hpp"

namespace coturn_guard {
namespace {

using Record = SessionTable::Record;
using Pending = SessionTable::Pending;

// tick() forgets at most so many sessions of each kind, a millisecond's work; the table's bound holds without
// it.
constexpr std::size_t kForgottenPerTick = 16'384;

// An event without points of a rule that has some was counted already (Rule::unless_counted): it only tells.
// One of a rule that the operator switched off costs nothing, but is counted.
bool is_offence(const Rule& rule, const Event& event) {
  return !rule.tells_only() && (event.points.milli > 0 || rule.trait.points.milli == 0);
}
bool goes_on(const Rule& rule, const Event& event) {
  return is_offence(rule, event) || (rule.tells_only() && !rule.report.empty());
}
// In coturn a session keeps its user (ns_turn_server.c answers another one with 437 or 441): who logged in
// guesses no more there.
bool is_excused(const Rule& rule, const Record& record) {
  return record.logged_in && (rule.trait.credit == Credit::spares || !rule.misdeed.empty());
}
std::uint32_t window_seconds(const Rule& rule) {
  constexpr std::chrono::seconds kFindtime{3600};
  const std::chrono::seconds window = rule.trait.window.count() > 0 ? rule.trait.window : kFindtime;
  return static_cast<std::uint32_t>(
      std::min(window, std::chrono::seconds{Attribution::kLongestSession}).count());
}
bool same_misdeed(const Rule& a, const Rule& b) {
  return !a.misdeed.empty() && a.misdeed == b.misdeed;
}

// As coturn writes it.
std::string digits_of(std::uint64_t session) {
  const std::string digits = std::to_string(session);
  return digits.size() < 18 ? std::string(18 - digits.size(), '0') + digits : digits;
}

std::string session_key(const SessionTable::Key& key) {
  return PackedWriter().number(key.log).number(key.session).take();
}

std::uint64_t never_zero(std::uint64_t hash) {
  return hash == 0 ? 1 : hash;
}

std::uint64_t hash_words(std::uint64_t first, std::uint64_t second, const HashSeed& seed) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &first, sizeof first);
  std::memcpy(bytes.data() + sizeof first, &second, sizeof second);
  return siphash13(bytes, seed);
}

std::uint64_t hash_text(std::string_view text, const HashSeed& seed) {
  std::uint64_t hash = text.size();
  for (std::size_t at = 0; at < text.size(); at += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
    hash = hash_words(hash, word, seed);
  }
  return never_zero(hash);
}

UserNumber user_number(std::string_view name, const HashSeed& seed) {
  if (name.empty()) return 0;
  const std::string_view lasting = lasting_name(name);
  if (lasting.empty()) return 1 + hash_text(name, seed) % kBareTimes;
  return std::max(hash_text(lasting, seed), kBareTimes + 1);
}

}  // namespace

struct Attribution::State {
  explicit State(const HashSeed& random) : seed(random), table(random) {}

  std::uint32_t seconds(const Now& now);
  [[nodiscard]] std::uint64_t what(const Event& event, Distinct distinct) const;
  void take_nameless(const Event& event, const Rule& rule, const RuleSet& rules, std::uint32_t time,
                     std::vector<Attributed>& out);
  void take_named(const Event& event, const Rule& rule, const RuleSet& rules, std::uint32_t time,
                  std::vector<Attributed>& out);
  void tie(Record& record, const Event& event, const RuleSet& rules, std::vector<Attributed>& out);
  void charge_pending(Record& record, const RuleSet& rules, std::vector<Attributed>& out);
  std::uint32_t told_anew(Record& record, RuleId rule, std::uint32_t count, const RuleSet& rules);
  void wait(Record& record, const Event& event, const Rule& rule, std::uint32_t time);
  void charge_late(const Event& event, const Rule& rule, Record& record, const RuleSet& rules,
                   std::uint32_t time, std::vector<Attributed>& out);
  void accuse(const Accusation& accusation, const RuleSet& rules, std::uint32_t time,
              std::vector<Attributed>& out);
  void put_decided(const RuleSet& rules, std::vector<Attributed>& out);
  void make_room(const Record& except);
  void put(const Record& record, RuleId rule, std::uint32_t count, std::uint64_t what, const RuleSet& rules,
           std::vector<Attributed>& out) const;
  void tell_login(Record& record, RuleId rule, std::vector<Attributed>& out) const;
  [[nodiscard]] SavedRecord saved(Record& record);
  bool load(const SavedRecord& from, const std::vector<std::optional<RuleId>>& rules, std::uint32_t now);
  Record& obtain(std::uint32_t log, std::uint64_t session, std::uint32_t time);
  void forget(Record& record);
  std::uint64_t drop_waiting(Record& record);

  HashSeed seed;
  SessionTable table;
  SharedAccusations shared;
  std::uint64_t waiting = 0;
  std::uint64_t ambiguous = 0, ambiguous_milli = 0;  // but for those of `shared`
  bool begun = false;
  Now begin{};
  std::uint32_t latest = 0;
  AttributionCounters counters;
};

// Seconds since the first call, from 1 on; a clock that steps back stands still.
std::uint32_t Attribution::State::seconds(const Now& now) {
  if (!begun) {
    begun = true;
    begin = now;
  }
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now.mono - begin.mono).count();
  if (passed >= 0) latest = std::max(latest, static_cast<std::uint32_t>(passed) + 1);
  return latest;
}

std::uint64_t Attribution::State::what(const Event& event, Distinct distinct) const {
  switch (distinct) {
    case Distinct::user: return user_number(event.user, seed);
    case Distinct::peer: return event.peer ? never_zero(siphash13(event.peer->bytes(), seed)) : 0;
    case Distinct::session:
      if (event.session.empty()) return 0;
      return never_zero(hash_words(session_number(event.session), event.log, seed));
    case Distinct::nothing: break;
  }
  return 0;
}

void Attribution::State::put(const Record& record, RuleId rule, std::uint32_t count, std::uint64_t what_of,
                             const RuleSet& rules, std::vector<Attributed>& out) const {
  const Rule& of = rules.rules()[rule];
  // The kernel's word for the line that named the client holds for his whole connection.
  const bool proven = record.proven && of.evidence == Evidence::claimed;
  Event event;
  event.rule = rule;
  event.client = Endpoint{record.client, record.port};
  event.points = of.trait.points;
  event.evidence = proven ? Evidence::proven : of.evidence;
  event.count = count;
  event.log = record.log;
  event.fresh = record.fresh;
  out.push_back(Attributed{event, what_of, 0, false});
}

void Attribution::State::tell_login(Record& record, RuleId rule, std::vector<Attributed>& out) const {
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
  if (time - entry->since >= window_seconds(rule)) {
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

void Attribution::State::charge_pending(Record& record, const RuleSet& rules, std::vector<Attributed>& out) {
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
    if (anew > 0) put(record, entry.rule, anew, entry.what, rules, out);
  }
}

// The session's client is known from here on.
void Attribution::State::tie(Record& record, const Event& event, const RuleSet& rules,
                             std::vector<Attributed>& out) {
  if (!record.tied || record.client != event.client->address) record.login_told = false;  // mobility
  record.tied = true;
  record.client = event.client->address;
  record.port = event.client->port;
  record.proven = event.evidence == Evidence::proven;
  record.fresh = event.fresh;
  table.raise(record, SessionTable::Kind::waiting);
  if (record.logged_in && !record.login_told) tell_login(record, event.rule, out);
  charge_pending(record, rules, out);
  if (!record.shared) return;
  record.shared = false;
  if (record.logged_in)
    shared.gone(record.log, record.session);
  else
    shared.named(record.log, record.session, {{record.client, record.port}, record.proven, record.fresh});
  put_decided(rules, out);
}

// Of sessions that were accused together.
void Attribution::State::put_decided(const RuleSet& rules, std::vector<Attributed>& out) {
  if (!shared.has_charges()) return;
  for (const SharedAccusations::Charge& charge : shared.take_charges()) {
    Record client;
    client.client = charge.client.endpoint.address;
    client.port = charge.client.endpoint.port;
    client.proven = charge.client.proven;
    client.fresh = charge.client.fresh;
    client.log = charge.accusation.like.log;
    Event event = charge.accusation.like;
    event.user = charge.accusation.user;
    counters.charged += charge.count;
    put(client, event.rule, charge.count, what(event, rules.trait(event.rule).distinct), rules, out);
  }
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

// What must have been one session's is charged to it, whatever its client; the rest waits until it is known
// whose the others are.
void Attribution::State::accuse(const Accusation& accusation, const RuleSet& rules, std::uint32_t time,
                                std::vector<Attributed>& out) {
  Accusation rest = accusation;
  const Rule& rule = rules.rule(accusation.like.rule);
  const auto charge = [&](Accusation::Suspect& suspect, std::uint32_t count) {
    const std::string digits = digits_of(suspect.session);
    Event event = accusation.like;
    event.session = digits;
    event.user = accusation.user;
    event.count = count;
    suspect.lines -= count;
    rest.lines -= std::min(count, rest.lines);
    rest.offences -= count;
    Record& record = obtain(event.log, suspect.session, time);
    if (goes_on(rule, event)) charge_late(event, rule, record, rules, time, out);
    table.note(record);
  };
  for (Accusation::Suspect& suspect : rest.suspects) {
    const Record* const record = table.find(accusation.like.log, suspect.session);
    if (record == nullptr || !record->handshaken) continue;
    const std::uint32_t count = std::min(suspect.lines, rest.offences);
    rest.lines -= std::min(suspect.lines - count, rest.lines);
    if (count != 0) charge(suspect, count);
    suspect.lines = 0;
  }
  const std::uint32_t offences = rest.offences, lines = rest.lines;
  for (Accusation::Suspect& suspect : rest.suspects) {
    const std::uint32_t count = rest.doubtful ? 0 : surely(offences, lines, suspect.lines);
    if (count != 0) charge(suspect, count);
  }
  if (rest.offences == 0) return;
  std::erase_if(rest.suspects, [](const Accusation::Suspect& suspect) { return suspect.lines == 0; });
  if (rest.suspects.empty()) {
    ambiguous += rest.offences;
    ambiguous_milli += worth_milli(rest.like, rest.offences);
    return;
  }
  const auto suspects = rest.suspects;
  const std::uint32_t log = rest.like.log;
  shared.add(std::move(rest), time);
  for (const Accusation::Suspect& suspect : suspects) {
    Record& record = obtain(log, suspect.session, time);
    if (record.handshaken) shared.shook_hands(log, suspect.session);
    if (record.logged_in)
      shared.gone(log, suspect.session);
    else if (record.tied)
      shared.named(log, suspect.session, {{record.client, record.port}, record.proven, record.fresh});
    else
      record.shared = true;
  }
  put_decided(rules, out);
}

void Attribution::State::take_named(const Event& event, const Rule& rule, const RuleSet& rules,
                                    std::uint32_t time, std::vector<Attributed>& out) {
  std::uint32_t anew = event.count;
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
      tie(*record, event, rules, out);
      excused = is_offence(rule, event) && is_excused(rule, *record);
      if (!excused) anew = told_anew(*record, event.rule, event.count, rules);
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
  Attributed charged{event, what(event, rule.trait.distinct), 0, false};
  charged.event.count = anew;
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
  if (goes_on(rule, event)) {
    charge_late(event, rule, obtain(event.log, session, time), rules, time, out);
  }
  if (!rule.closes) return;
  if (Record* const record = table.find(event.log, session)) forget(*record);
}

SavedRecord Attribution::State::saved(Record& record) {
  PackedWriter value;
  value.number(record.user)
      .raw({reinterpret_cast<const char*>(record.client.bytes().data()), record.client.bytes().size()})
      .number(record.port)
      .number(static_cast<std::uint64_t>(record.kind))
      .number(std::uint64_t{record.tied} | std::uint64_t{record.proven} << 1 |
              std::uint64_t{record.logged_in} << 2 | std::uint64_t{record.login_told} << 3)
      .number(record.seen);
  for (Pending* entry = table.first(record); entry != nullptr; entry = table.next(*entry))
    value.number(entry->rule)
        .number(entry->what)
        .number(entry->since)
        .number(entry->count)
        .number(entry->worst)
        .number(entry->settled ? 1 : 0);
  return {SavedRecord::Kind::session, session_key({record.log, record.session}), value.take()};
}

// False: it is none of ours.
bool Attribution::State::load(const SavedRecord& from, const std::vector<std::optional<RuleId>>& rules,
                              std::uint32_t now) {
  PackedReader key(from.key);
  const auto log = static_cast<std::uint32_t>(key.number());
  const std::uint64_t session = key.number();
  PackedReader value(from.value);
  const std::uint64_t user = value.number();
  const std::string_view client = value.raw(std::tuple_size_v<Address::Bytes>);
  const auto port = static_cast<std::uint16_t>(value.number());
  const auto kind = static_cast<SessionTable::Kind>(value.number());
  const std::uint64_t flags = value.number();
  const std::uint64_t seen = value.number();
  if (!key.complete() || !value.good() || kind >= SessionTable::Kind::none || seen > now) return false;
  if (table.find(log, session) != nullptr || table.size() >= kMaxSessions) return false;
  const auto time = static_cast<std::uint32_t>(seen);
  Record& record = table.insert(log, session, time);
  record.user = user;
  Address::Bytes bytes{};
  std::copy(client.begin(), client.end(), bytes.begin());
  record.client = Address(bytes);
  record.port = port;
  record.tied = (flags & 1) != 0;
  record.proven = (flags & 2) != 0;
  record.fresh = false;
  if ((flags & 4) != 0) table.mark_logged_in(record, time);
  record.login_told = (flags & 8) != 0;
  if (kind == SessionTable::Kind::ended) table.mark_ended(record, time);
  if (kind == SessionTable::Kind::waiting || kind == SessionTable::Kind::heavy) table.raise(record, kind);
  record.saved = true;
  while (!value.complete()) {
    const std::uint64_t rule = value.number();
    Pending entry;
    entry.what = value.number();
    entry.since = static_cast<std::uint32_t>(std::min<std::uint64_t>(value.number(), now));
    entry.count = static_cast<std::uint32_t>(value.number());
    entry.worst = static_cast<std::uint32_t>(value.number());
    entry.settled = value.number() != 0;
    if (!value.good()) {
      forget(record);
      return false;
    }
    const std::uint64_t lost = entry.settled ? 0 : std::uint64_t{entry.count} + entry.worst;
    if (rule >= rules.size() || !rules[rule]) {
      counters.unattributed += lost;  // its rule is gone
      continue;
    }
    entry.rule = *rules[rule];
    if (table.add_pending(record, entry) != nullptr)
      waiting += lost;
    else
      counters.unattributed += lost;
  }
  return true;
}

Attribution::Attribution(const HashSeed& seed) : state_(std::make_unique<State>(seed)) {}
Attribution::Attribution(Attribution&&) noexcept = default;
Attribution& Attribution::operator=(Attribution&&) noexcept = default;
Attribution::~Attribution() = default;

void Attribution::take(const Event& event, const RuleSet& rules, const Now& now,
                       std::vector<Attributed>& attributed) {
  const Rule& rule = rules.rules()[event.rule];
  const std::uint32_t time = state_->seconds(now);
  if (event.client)
    state_->take_named(event, rule, rules, time, attributed);
  else
    state_->take_nameless(event, rule, rules, time, attributed);
  if (event.session.empty() || event.evidence == Evidence::tainted) return;
  if (Record* const record = state_->table.find(event.log, session_number(event.session)))
    state_->table.note(*record);
}

void Attribution::take(const Accusation& accusation, const RuleSet& rules, const Now& now,
                       std::vector<Attributed>& attributed) {
  State& state = *state_;
  const std::uint32_t time = state.seconds(now);
  if (accusation.kind == Accusation::Kind::decided) return state.accuse(accusation, rules, time, attributed);
  const std::uint32_t log = accusation.like.log;
  for (const Accusation::Suspect& suspect : accusation.suspects) {
    if (accusation.kind == Accusation::Kind::awaited) {
      state.obtain(log, suspect.session, time).awaited = true;
      continue;
    }
    state.shared.shook_hands(log, suspect.session);
    if (Record* const record = state.table.find(log, suspect.session)) {
      record->handshaken = true;
      state.table.raise(*record, SessionTable::Kind::waiting);
    }
  }
}

void Attribution::take_decided(const RuleSet& rules, std::vector<Attributed>& attributed) {
  state_->put_decided(rules, attributed);
}

void Attribution::begin(std::chrono::steady_clock::time_point origin) {
  state_->begun = true;
  state_->begin.mono = origin;
  state_->table.note_changes();
}

void Attribution::load(const std::vector<SavedRecord>& records,
                       const std::vector<std::optional<RuleId>>& rules, const Now& now) {
  // By when they were seen, as the queues are.
  std::vector<std::pair<std::uint64_t, const SavedRecord*>> in_order;
  for (const SavedRecord& record : records) {
    if (record.kind != SavedRecord::Kind::session) continue;
    PackedReader value(record.value);
    value.number();
    value.raw(std::tuple_size_v<Address::Bytes>);
    for (int skipped = 0; skipped < 3; ++skipped) value.number();
    in_order.emplace_back(value.number(), &record);
  }
  std::sort(in_order.begin(), in_order.end());
  const std::uint32_t time = state_->seconds(now);
  for (const auto& [seen, record] : in_order) {
    if (state_->load(*record, rules, time)) continue;
    PackedReader key(record->key);
    const auto log = static_cast<std::uint32_t>(key.number());
    state_->table.note_gone({log, key.number()});
  }
  // Numbers of rules may be others.
  bool same = true;
  for (std::size_t i = 0; i < rules.size(); ++i) same = same && rules[i] == static_cast<RuleId>(i);
  if (!same) note_everything();
}

void Attribution::save_changes(StateBatch& batch) {
  const bool everything = state_->table.take_changes(
      [&](const SessionTable::Key& key) {
        batch.records_gone.push_back({SavedRecord::Kind::session, session_key(key)});
      },
      [&](Record& record) { batch.records.push_back(state_->saved(record)); });
  if (everything) batch.clear_records.push_back(SavedRecord::Kind::session);
}

void Attribution::note_everything() {
  state_->table.note_everything();
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

void Attribution::tick(const Now& now) {
  State& state = *state_;
  const std::uint32_t time = state.seconds(now);
  const auto forget_older = [&](SessionTable::Kind kind, std::chrono::seconds age) {
    for (std::size_t i = 0; i < kForgottenPerTick; ++i) {
      Record* const oldest = state.table.oldest(kind);
      if (oldest == nullptr || std::chrono::seconds{time - oldest->seen} <= age) return;
      state.forget(*oldest);
    }
  };
  state.shared.tick(time);
  forget_older(SessionTable::Kind::forgeable, kLongestWait);
  forget_older(SessionTable::Kind::waiting, kLongestWait);
  forget_older(SessionTable::Kind::heavy, kLongestWait);
  forget_older(SessionTable::Kind::logged_in, kLongestSession);
  forget_older(SessionTable::Kind::ended, kTombstone);
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
const AttributionCounters& Attribution::counters() const {
  State& state = *state_;
  state.counters.ambiguous = state.ambiguous + state.shared.lost();
  return state.counters;
}

}  // namespace coturn_guard
