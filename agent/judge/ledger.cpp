// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/ledger.hpp"

#include <algorithm>

#include "judge/ladder.hpp"
#include "judge/offender_table.hpp"
#include "judge/tick_clock.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;
using Index = OffenderTable::Index;

constexpr std::uint64_t kMostBanSeconds = (1U << 24) - 1;
constexpr std::uint32_t kMostBans = 0xffff;

}  // namespace

struct Ledger::State {
  State(const Policy& wanted, const HashSeed& seed) : policy(wanted), table(seed) {}

  Policy policy;
  OffenderTable table;
  LedgerCounters counters;
  TickClock clock;

  // When points that count for `window` are entered, so that they leave in time.
  [[nodiscard]] Tick entered(Tick now, seconds window) const {
    if (window.count() <= 0 || window >= policy.findtime) return now;
    return now - std::min(ticks(policy.findtime) - ticks(window), now);
  }

  // When everything about it is forgotten: then the record is worth nothing and is dropped when somebody
  // comes by.
  [[nodiscard]] bool forgotten(const Offender& offender, Tick now) const {
    const Tick silence = since(offender.last_seen, now);
    if (silence < ticks(policy.findtime) || now < offender.banned_until) return false;
    return offender.earlier_bans == 0 || silence >= memory(offender);
  }

  [[nodiscard]] Tick memory(const Offender& offender) const {
    return std::max(ticks(policy.forget_after), Tick{3000} * offender.last_ban_seconds);
  }

  // A backlog may tell of what was before the ban.
  [[nodiscard]] bool is_banned(const Offender& offender, Tick now) const {
    const Tick begun =
        offender.banned_until - std::min<Tick>(offender.banned_until, Tick{1000} * offender.last_ban_seconds);
    return now < offender.banned_until && now + ticks(policy.findtime) > begun;
  }

  // Each newcomer clears away up to this many forgotten ones in every queue, so they never pile up.
  static constexpr int kSweep = 2;

  void sweep(Tick now) {
    for (const auto worth : {Worth::single, Worth::repeated, Worth::banned})
      for (int i = 0; i < kSweep; ++i) {
        const Index oldest = table.oldest(worth);
        if (oldest == OffenderTable::kNone || !forgotten(table.at(oldest), now)) break;
        table.erase(oldest);
      }
  }

  // Each kind keeps this share of the table from those that are worth more. Without it, whoever fills the
  // table with addresses that offended twice, or were banned, makes every newcomer's record the next to go:
  // two who offend in turns would each be forgotten before their second offence.
  static constexpr std::size_t kShares = 8;

  [[nodiscard]] Index victim() const {
    const std::size_t share = table.size() / kShares;
    for (const auto worth : {Worth::single, Worth::repeated})
      if (table.count(worth) > share) return table.oldest(worth);
    return table.oldest(Worth::banned);  // the rest of a table that is not empty: three quarters at least
  }

  void evict_down_to(std::size_t most) {
    while (table.size() > most) {
      table.erase(victim());
      ++counters.evicted;
    }
  }

  Index find_or_insert(const Prefix& prefix, Tick now) {
    const Index known = table.find(prefix);
    if (known != OffenderTable::kNone) return known;
    sweep(now);
    evict_down_to(std::max<std::size_t>(policy.max_addresses, 1) - 1);
    const Index fresh = table.insert(prefix);
    table.at(fresh).last_seen = now & kTickMask;
    return fresh;
  }

  void begin_ban(Offender& offender, seconds duration, Tick now) const {
    const Tick until = std::min(now + ticks(duration), kTickMask);
    offender.window.clear();
    if (until < offender.banned_until) return;  // a backlog tells of one that was before
    offender.banned_until = until & kTickMask;
    offender.last_ban_seconds =
        std::min(static_cast<std::uint64_t>(std::max<seconds::rep>(duration.count(), 0)), kMostBanSeconds) &
        kMostBanSeconds;
  }

  // What was counted under a shorter findtime leaves when it was to leave: points of a narrower window cannot
  // be told from others any more.
  void lengthen_findtime(seconds by) {
    for (const auto worth : {Worth::single, Worth::repeated, Worth::banned})
      for (Index index = table.oldest(worth); index != OffenderTable::kNone; index = table.next_newer(index))
        table.at(index).window.shift_back(ticks(by));
    table.note_everything();
  }

  // With `ladder` nothing is left of it.
  void forgive(Index index, bool ladder) {
    Offender& offender = table.at(index);
    if (ladder || offender.earlier_bans == 0) {
      table.erase(index);
      return;
    }
    offender.window.clear();
    offender.banned_until = 0;
    table.note(index);
  }

  [[nodiscard]] SavedOffender saved(Index index) const {
    const Offender& offender = table.at(index);
    return {.network = Prefix(offender.network, offender.length),
            .last_seen = offender.last_seen,
            .banned_until = offender.banned_until,
            .last_ban_seconds = static_cast<std::uint32_t>(offender.last_ban_seconds),
            .earlier_bans = static_cast<std::uint32_t>(offender.earlier_bans),
            .window = offender.window.slots()};
  }
};

Ledger::Ledger(const Policy& policy, const HashSeed& seed) : state_(std::make_unique<State>(policy, seed)) {}
Ledger::Ledger(Ledger&&) noexcept = default;
Ledger& Ledger::operator=(Ledger&&) noexcept = default;
Ledger::~Ledger() = default;

std::optional<Verdict> Ledger::record(const Offence& offence, seconds window, const Now& now) {
  const auto verdict = due(offence, window, now);
  if (verdict) begin(*verdict, now);
  return verdict;
}

std::optional<Verdict> Ledger::due(const Offence& offence, seconds window, const Now& now) {
  State& state = *state_;
  ++state.counters.offences;
  if (offence.evidence == Evidence::spoofable || offence.evidence == Evidence::tainted) {
    ++state.counters.not_bannable;
    return std::nullopt;
  }
  if (offence.points.milli <= 0) return std::nullopt;  // a rule that is switched off
  const Tick tick = state.clock.at(now);
  Tick latest = tick;  // of this network: its window ends there
  const Prefix prefix = network_of(offence);
  const Index index = state.find_or_insert(prefix, tick);
  Offender& offender = state.table.at(index);
  const bool banned = state.is_banned(offender, tick);
  if (!banned && offender.earlier_bans > 0 && since(offender.last_seen, tick) >= state.memory(offender))
    offender.earlier_bans = 0;
  const Tick findtime = ticks(state.policy.findtime);
  if (tick + findtime <= offender.last_seen)
    offender.window.clear();
  else
    latest = std::max<Tick>(tick, offender.last_seen);
  offender.last_seen = latest & kTickMask;
  if (banned) {
    ++state.counters.while_banned;
    state.table.touch(index, Worth::banned);
    return std::nullopt;
  }
  const auto earlier_bans = static_cast<std::uint32_t>(offender.earlier_bans);
  offender.window.slide(latest, findtime);
  const Points weight = weigh(offence.points, state.policy, earlier_bans);
  if (const Tick entered = state.entered(tick, window); entered + findtime > latest)
    offender.window.add(entered, weight);
  const Points points = offender.window.sum();
  state.table.touch(index, earlier_bans > 0  ? Worth::banned
                           : points > weight ? Worth::repeated
                                             : Worth::single);
  if (points < state.policy.maxretry) return std::nullopt;
  return Verdict{.prefix = prefix,
                 .duration = ban_duration(state.policy, earlier_bans),
                 .address = offence.address,
                 .rule = offence.rule,
                 .evidence = offence.evidence,
                 .points = points,
                 .earlier_bans = earlier_bans,
                 .protocol = offence.protocol};
}

void Ledger::begin(const Verdict& verdict, const Now& now) {
  State& state = *state_;
  const Tick tick = state.clock.at(now);
  const Index index = state.find_or_insert(verdict.prefix, tick);
  Offender& offender = state.table.at(index);
  state.begin_ban(offender, verdict.duration, tick);
  offender.earlier_bans = std::min(verdict.earlier_bans + 1, kMostBans) & kMostBans;
  state.table.touch(index, Worth::banned);
  ++state.counters.verdicts;
}

void Ledger::begin_apart(const Verdict& verdict, const Now& now) {
  State& state = *state_;
  const Tick tick = state.clock.at(now);
  const Index index = state.find_or_insert(verdict.prefix, tick);
  Offender& offender = state.table.at(index);
  const Window window = offender.window;
  state.begin_ban(offender, verdict.duration, tick);
  offender.window = window;
  state.table.touch(index, Worth::banned);
  ++state.counters.verdicts;
}

bool Ledger::take_back(const Prefix& network, std::uint32_t earlier_bans) {
  State& state = *state_;
  const Index index = state.table.find(network);
  if (index == OffenderTable::kNone) return false;
  Offender& offender = state.table.at(index);
  if (offender.banned_until == 0) return false;  // pardoned meanwhile
  const bool climbed = offender.earlier_bans > earlier_bans;
  if (climbed) offender.earlier_bans = earlier_bans & kMostBans;
  offender.banned_until = 0;
  offender.last_ban_seconds = 0;
  if (offender.earlier_bans > 0) {
    const seconds last = ban_duration(state.policy, static_cast<std::uint32_t>(offender.earlier_bans) - 1);
    offender.last_ban_seconds =
        std::min(static_cast<std::uint64_t>(std::max<seconds::rep>(last.count(), 0)), kMostBanSeconds) &
        kMostBanSeconds;
  }
  state.table.touch(index, offender.earlier_bans > 0 ? Worth::banned : Worth::repeated);
  return climbed;
}

void Ledger::end_ban(const Prefix& network, const Now& now) {
  const Index index = state_->table.find(network);
  if (index == OffenderTable::kNone) return;
  Offender& offender = state_->table.at(index);
  // What the log tells of the time between its beginning and now is no offence of a banned one either: it may
  // be told late.
  const Tick until = offender.banned_until;
  const Tick begun = until - std::min<Tick>(until, Tick{1000} * offender.last_ban_seconds);
  offender.banned_until = std::min({until, state_->clock.at(now), std::max<Tick>(begun, 1)}) & kTickMask;
  state_->table.note(index);
}

bool Ledger::meets_ban(const Offence& offence, const Now& now) {
  State& state = *state_;
  const Tick tick = state.clock.at(now);
  const Index index = state.table.find(network_of(offence));
  if (index == OffenderTable::kNone || !state.is_banned(state.table.at(index), tick)) return false;
  state.table.at(index).last_seen = std::max<Tick>(state.table.at(index).last_seen, tick) & kTickMask;
  state.table.touch(index, Worth::banned);
  ++state.counters.offences;
  ++state.counters.while_banned;
  return true;
}

void Ledger::forgive(const Prefix& prefix, bool ladder) {
  OffenderTable& table = state_->table;
  const Prefix unit = prefix_of(prefix.network());
  if (prefix.length() >= unit.length()) {
    for (const Prefix& judged : {unit, prefix}) {  // the second where it was judged alone
      const Index index = table.find(judged);
      if (index != OffenderTable::kNone) state_->forgive(index, ladder);
      if (unit == prefix) break;
    }
    return;
  }
  for (const auto worth : {Worth::single, Worth::repeated, Worth::banned})
    for (Index index = table.oldest(worth); index != OffenderTable::kNone;) {
      const Index next = table.next_newer(index);  // before the record may be erased
      if (prefix.contains(table.at(index).network)) state_->forgive(index, ladder);
      index = next;
    }
}

void Ledger::adopt(const Prefix& prefix, seconds remaining, const Now& now, std::uint32_t earlier_bans) {
  const Tick tick = state_->clock.at(now);
  const Index index = state_->find_or_insert(prefix, tick);
  Offender& offender = state_->table.at(index);
  offender.last_seen = tick & kTickMask;
  if (remaining.count() > 0 && tick + ticks(remaining) > offender.banned_until)
    state_->begin_ban(offender, remaining, tick);
  const std::uint32_t known = std::max<std::uint32_t>(offender.earlier_bans, earlier_bans);
  offender.earlier_bans = std::min(known, kMostBans) & kMostBans;
  state_->table.touch(index, Worth::banned);
}

void Ledger::set_policy(const Policy& policy) {
  if (policy.findtime > state_->policy.findtime)
    state_->lengthen_findtime(policy.findtime - state_->policy.findtime);
  state_->policy = policy;
  state_->evict_down_to(std::max<std::size_t>(policy.max_addresses, 1));
}

void Ledger::begin(std::chrono::steady_clock::time_point origin) {
  state_->clock.begin(origin);
  state_->table.note_changes();
}

bool Ledger::load(const SavedOffender& saved, const Now& now) {
  State& state = *state_;
  const Tick tick = state.clock.at(now);
  Offender offender;
  offender.network = saved.network.network();
  offender.length = saved.network.length() & 0xffU;
  offender.last_seen = std::min(saved.last_seen, tick) & kTickMask;
  offender.banned_until = std::min(saved.banned_until, kTickMask) & kTickMask;
  offender.last_ban_seconds =
      std::min<std::uint64_t>(saved.last_ban_seconds, kMostBanSeconds) & kMostBanSeconds;
  offender.earlier_bans = std::min(saved.earlier_bans, kMostBans) & kMostBans;
  if (!offender.window.restore(saved.window, tick) || state.forgotten(offender, tick) ||
      state.table.find(saved.network) != OffenderTable::kNone) {
    state.table.note_gone(saved.network);
    return false;
  }
  state.evict_down_to(std::max<std::size_t>(state.policy.max_addresses, 1) - 1);
  const Index index = state.table.insert(saved.network);
  state.table.at(index) = offender;
  state.table.touch(index, offender.earlier_bans > 0     ? Worth::banned
                           : offender.window.count() > 1 ? Worth::repeated
                                                         : Worth::single);
  state.table.mark_saved(index);
  return true;
}

void Ledger::loaded_under(seconds findtime) {
  if (findtime.count() > 0 && state_->policy.findtime > findtime)
    state_->lengthen_findtime(state_->policy.findtime - findtime);
}

void Ledger::save_changes(StateBatch& batch) {
  OffenderTable::Changes changes = state_->table.take_changes();
  batch.clear_offenders = batch.clear_offenders || changes.everything;
  batch.offenders_gone.insert(batch.offenders_gone.end(), changes.gone.begin(), changes.gone.end());
  batch.offenders.reserve(batch.offenders.size() + changes.changed.size());
  for (const Index index : changes.changed) batch.offenders.push_back(state_->saved(index));
}

void Ledger::note_everything() {
  state_->table.note_everything();
}

bool Ledger::saves_everything() const {
  return state_->table.saves_everything();
}

Points Ledger::points(const Prefix& network, const Now& now) const {
  const Index index = state_->table.find(network);
  if (index == OffenderTable::kNone) return {};
  Window window = state_->table.at(index).window;
  window.slide(state_->clock.at(now), ticks(state_->policy.findtime));
  return window.sum();
}

std::uint32_t Ledger::earlier_bans(const Prefix& network) const {
  const Index index = state_->table.find(network);
  return index == OffenderTable::kNone ? 0 : static_cast<std::uint32_t>(state_->table.at(index).earlier_bans);
}

std::chrono::seconds Ledger::ban_left(const Prefix& network, const Now& now) const {
  const Index index = state_->table.find(network);
  if (index == OffenderTable::kNone) return {};
  const Tick tick = state_->clock.at(now), until = state_->table.at(index).banned_until;
  if (tick >= until) return {};
  constexpr Tick kTicksOfSecond = ticks(seconds{1});
  return seconds{static_cast<seconds::rep>((until - tick + kTicksOfSecond - 1) / kTicksOfSecond)};
}

bool Ledger::ended_lately(const Prefix& network, seconds lately, const Now& now) const {
  const Index index = state_->table.find(network);
  if (index == OffenderTable::kNone) return false;
  const Offender& offender = state_->table.at(index);
  const Tick tick = state_->clock.at(now);
  return offender.earlier_bans > 0 && offender.banned_until != 0 && tick >= offender.banned_until &&
         tick - offender.banned_until < ticks(lately);
}

Prefix Ledger::prefix_of(const Address& address) const {
  return Prefix(address, address.is_v4() ? state_->policy.ipv4_prefix : state_->policy.ipv6_prefix);
}

Prefix Ledger::network_of(const Offence& offence) const {
  return offence.alone ? Prefix(offence.address, kWholeAddress) : prefix_of(offence.address);
}

std::size_t Ledger::size() const {
  return state_->table.size();
}
std::size_t Ledger::bytes() const {
  return state_->table.bytes();
}
const LedgerCounters& Ledger::counters() const {
  return state_->counters;
}

}  // namespace coturn_guard
