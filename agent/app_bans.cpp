// SPDX-License-Identifier: GPL-3.0-or-later
// The part of App that is about bans which stand: an earlier run's, those that somebody else made or ended,
// and whoever must not be banned any more.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "app.hpp"
#include "events.hpp"
#include "source/clocks.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kSameEnd{2};         // the kernel tells what is left in whole seconds
constexpr std::chrono::seconds kLongestRefill{10};  // what READY=1 waits for at most

}  // namespace

// The kernel's sets may be gone (a reboot), or end a ban earlier than it ends. Who is spared by now is freed
// when our own networks are known.
void App::restore_bans(const Now& now) {
  const auto tick = memory_->scale().at(now.mono);
  std::vector<LiveBan> live;
  live.reserve(saved_bans_.size());
  saved_bans_.each_end([&](const Prefix& network, std::uint64_t until) {
    if (until >= kNeverEnds)
      live.push_back({network, BanTable::kForever});
    else if (until > tick)
      live.push_back({network, memory_->scale().moment(until)});
  });
  enforcer_->restore(live, now);
}

// For list, why and status: an earlier run's bans, the oldest first.
void App::tell_restored(const Now& now) {
  const auto tick = memory_->scale().at(now.mono);
  bans_.expect(saved_bans_.size());
  saved_bans_.each_by_age([&](SavedBan&& ban) {
    bans_.restore({.prefix = ban.network,
                   .address = ban.address,
                   .since = now.wall - std::chrono::milliseconds(tick - std::min(tick, ban.since)),
                   .duration = ban.until >= kNeverEnds
                                   ? kForeverBan
                                   : std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds(
                                         ban.until - std::min(ban.until, ban.since))),
                   .cause = ban.cause,
                   .rule = std::move(ban.rule),
                   .evidence = static_cast<Evidence>(ban.evidence),
                   .points = {ban.points_milli},
                   .earlier_bans = ban.earlier_bans,
                   .reason = std::move(ban.reason),
                   .forced = ban.forced});
  });
}

BanKernel App::ban_kernel() {
  return {
      .ban = [this](const Prefix& prefix, std::chrono::seconds duration,
                    const Now& now) { enforcer_->ban(prefix, duration, now); },
      .unban = [this](const Prefix& prefix) { enforcer_->unban(prefix); },
      .end_of = [this](const Prefix& prefix) { return enforcer_->bans().expiry(prefix); },
      .full = [this](bool v4) { return enforcer_->bans().full(v4); },
      .soonest = [this](bool v4, const BanKernel::MayGo& may) { return enforcer_->bans().soonest(v4, may); },
      .is_first = [this](const Prefix& prefix) { return saved_bans_.is_first(prefix); }};
}

// All who have to know of a ban, in the order in which they hear of it.
void App::subscribe_to_bans() {
  bans_.subscribe([this](const BanChange& change, const Now& now) { save_bans(change, now); });
  bans_.subscribe([this](const BanChange& change, const Now& now) { judge_by_bans(change, now); });
  bans_.subscribe(
      [this](const BanChange& change, const Now& now) { announcer_.ban_changed(change, simulated(), now); });
  bans_.subscribe([this](const BanChange& change, const Now& now) { history_.ban_changed(change, now); });
  bans_.subscribe([this](const BanChange& change, const Now& now) { call_hooks(change, now); });
  bans_.subscribe([this](const BanChange& change, const Now& now) { operations_.ban_changed(change, now); });
  bans_.subscribe([this](const BanChange& change, const Now&) {
    if (change.kind == BanChange::Kind::stands && change.fate == Fate::enforced && eviction_)
      eviction_->add(change.wish.record.prefix);
  });
}

// One that was asked for is saved at once: the kernel may have it when we crash.
void App::save_bans(const BanChange& change, const Now& now) {
  const BanRecord& record = change.wish.record;
  switch (change.kind) {
    case BanChange::Kind::asked: return saved_bans_.put(saved(record, now), memory_->scale().at(now.mono));
    case BanChange::Kind::stands: return;
    case BanChange::Kind::refused: return saved_bans_.ended(record.prefix);
    case BanChange::Kind::ended: saved_bans_.ended(record.prefix); return save_soon();
    case BanChange::Kind::expired: return;  // prune()
  }
}

void App::judge_by_bans(const BanChange& change, const Now& now) {
  const BanRecord& record = change.wish.record;
  switch (change.kind) {
    case BanChange::Kind::asked:
      if (change.wish.counts_as) pipeline_.adopt(record.prefix, record.duration, now, *change.wish.counts_as);
      return;
    case BanChange::Kind::refused:
      if (change.known)
        return bans_.set_climbed(pipeline_.take_back(record.prefix, record.earlier_bans, now));
      return pipeline_.end_ban(record.prefix, now);
    case BanChange::Kind::ended:
      if (change.by_room) pipeline_.end_ban(record.prefix, now);  // the others come with a pardon
      return;
    case BanChange::Kind::stands:
    case BanChange::Kind::expired: return;
  }
}

void App::call_hooks(const BanChange& change, const Now& now) {
  if (simulated()) return;
  const BanRecord& record = change.wish.record;
  switch (change.kind) {
    case BanChange::Kind::stands: return hooks_.ban(record, now);
    case BanChange::Kind::ended: return hooks_.unban(record.prefix, std::string(change.why), now);
    case BanChange::Kind::expired: return hooks_.expired(record, now);
    case BanChange::Kind::asked:
    case BanChange::Kind::refused: return;
  }
}

// A crash within the next second must not bring it back. One saving serves all that end in this turn.
void App::save_soon() {
  if (std::exchange(saves_next_, true)) return;
  boost::asio::post(io_, [this] {
    saves_next_ = false;
    if (const auto now = read_clocks(); memory_->due(now)) memory_->save(moment(), now);
  });
}

SavedBan App::saved(const BanRecord& record, const Now& now) const {
  const auto tick = memory_->scale().at(now.mono);
  return {
      .network = record.prefix,
      .address = record.address,
      .until =
          record.duration >= kForeverBan
              ? kNeverEnds
              : tick + static_cast<std::uint64_t>(
                           std::chrono::duration_cast<std::chrono::milliseconds>(record.duration).count()),
      .since = tick,
      .cause = record.cause,
      .rule = record.rule,
      .evidence = static_cast<std::uint8_t>(record.evidence),
      .points_milli = record.points.milli,
      .earlier_bans = record.earlier_bans,
      .forced = record.forced,
      .reason = record.reason};
}

void App::on_adopted(const Prefix& prefix, std::chrono::seconds remaining) {
  adopted_.push_back({prefix, read_clocks().mono + remaining});
}

// Bans of which only the kernel knows. Where they are a crash's, the log tells of them once more: the ledger
// is not to take them for others. So it hears of them when the log was read to its end.
void App::adopt_bans(const Now& now) {
  for (const auto& [prefix, until] : std::exchange(adopted_, {})) {
    if (until <= now.mono) continue;
    const auto known = saved_bans_.end_of(prefix);
    if (known && memory_->scale().moment(*known) + kSameEnd >= until) continue;
    if (!enforcer_->bans().expiry(prefix)) continue;  // ended meanwhile, by hand
    const auto remaining = std::chrono::ceil<std::chrono::seconds>(until - now.mono);
    const bool forever = remaining > kForeverBan / 2;
    bans_.adopted(prefix, forever ? kForeverBan : remaining, now);
    pipeline_.adopt(prefix, remaining, now);
    const auto tick = memory_->scale().at(now.mono);
    saved_bans_.put({.network = prefix,
                     .address = prefix.network(),
                     .until = forever ? kNeverEnds : memory_->scale().at(until),
                     .since = tick,
                     .cause = SavedBan::Cause::adopted,
                     .rule = {},
                     .reason = {}},
                    tick);
  }
}

void App::wait_until_bans_stand() {
  const auto begun = std::chrono::steady_clock::now();
  while (!enforcer_->settled() && std::chrono::steady_clock::now() - begun < kLongestRefill && !io_.stopped())
    io_.run_one_for(std::chrono::milliseconds(100));
}

LastingMemory::Moment App::moment() {
  return {pipeline_, saved_bans_, source_name(), source_->positions(pipeline_.waiting())};
}

void App::on_own_networks(std::vector<OwnNetwork> networks) {
  host_networks_ = std::move(networks);
  spare_own_networks(read_clocks());
}

void App::on_allowed(std::vector<OwnNetwork> networks) {
  pipeline_.allowlist().set_listed(std::move(networks));
  free_spared(read_clocks());
}

void App::spare_own_networks(const Now& now) {
  std::vector<OwnNetwork> own = host_networks_;
  own.insert(own.end(), config_.coturn_networks.begin(), config_.coturn_networks.end());
  pipeline_.allowlist().set_own(std::move(own));
  free_spared(now);
}

// Whoever became ours or was put on the list must not wait for the end of his ban.
void App::free_spared(const Now& now) {
  // False: an operator said twice that it is meant.
  const auto free = [&](const Prefix& prefix, const std::string& why) {
    if (const auto record = bans_.book().find(prefix); record && record->forced) return false;
    bans_.end(prefix, why, now);
    return true;
  };
  bans_.drop_refused([&](const Prefix& prefix) { return pipeline_.allowlist().spares(prefix).has_value(); });
  for (const auto& prefix : enforcer_->banned()) {
    const auto why = pipeline_.allowlist().spares(prefix);
    if (!why || !enforcer_->bans().expiry(prefix) || !free(prefix, *why)) continue;
    for (const Prefix& door : pipeline_.forgive(prefix, false))
      if (enforcer_->bans().expiry(door)) (void)free(door, *why);
  }
  enforcer_->send();
}

void App::on_ban_done(const Prefix& prefix, Fate fate) {
  operations_.on_ban_done(prefix, fate);
  const Now now = read_clocks();
  if (verdict_meter_.waiting() > 0) verdict_meter_.answered(prefix, fate, now.mono);
  bans_.answered(prefix, fate, now);
}

}  // namespace coturn_guard
