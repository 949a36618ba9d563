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
  live.reserve(bans_.size());
  bans_.each_end([&](const Prefix& network, std::uint64_t until) {
    if (until > tick) live.push_back({network, memory_->scale().moment(until)});
  });
  enforcer_->restore(live, now);
}

// For list, why and status: an earlier run's bans, the oldest first.
void App::tell_restored(const Now& now) {
  const auto tick = memory_->scale().at(now.mono);
  operations_.expect(bans_.size());
  bans_.each_by_age([&](SavedBan&& ban) {
    operations_.restored({.prefix = ban.network,
                          .address = ban.address,
                          .since = now.wall - std::chrono::milliseconds(tick - std::min(tick, ban.since)),
                          .duration = std::chrono::ceil<std::chrono::seconds>(
                              std::chrono::milliseconds(ban.until - std::min(ban.until, ban.since))),
                          .cause = ban.cause,
                          .rule = std::move(ban.rule),
                          .evidence = static_cast<Evidence>(ban.evidence),
                          .points = {ban.points_milli},
                          .earlier_bans = ban.earlier_bans,
                          .reason = std::move(ban.reason),
                          .forced = ban.forced});
  });
}

void App::on_ban_made(const BanRecord& record, const Now& now) {
  bans_.put(saved(record, now), memory_->scale().at(now.mono));
  if (!simulated()) hooks_.ban(record, now);
}

void App::on_ban_ended(const Prefix& prefix, const std::string& why) {
  bans_.ended(prefix);
  if (!simulated()) hooks_.unban(prefix, why, read_clocks());
  // A crash within the next second must not bring it back. One saving serves all that end in this turn.
  if (std::exchange(saves_next_, true)) return;
  boost::asio::post(io_, [this] {
    saves_next_ = false;
    if (const auto now = read_clocks(); memory_->due(now)) memory_->save(moment(), now);
  });
}

SavedBan App::saved(const BanRecord& record, const Now& now) const {
  const auto tick = memory_->scale().at(now.mono);
  return {.network = record.prefix,
          .address = record.address,
          .until = tick + static_cast<std::uint64_t>(
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
    const auto known = bans_.end_of(prefix);
    if (known && memory_->scale().moment(*known) + kSameEnd >= until) continue;
    if (!enforcer_->bans().expiry(prefix)) continue;  // ended meanwhile, by hand
    const auto remaining = std::chrono::ceil<std::chrono::seconds>(until - now.mono);
    operations_.on_adopted(prefix, remaining, now);
    pipeline_.adopt(prefix, remaining, now);
    const auto tick = memory_->scale().at(now.mono);
    bans_.put({.network = prefix,
               .address = prefix.network(),
               .until = memory_->scale().at(until),
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
  return {pipeline_, bans_, source_name(), source_->positions(pipeline_.waiting())};
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
    if (const auto record = operations_.bans().find(prefix); record && record->forced) return false;
    enforcer_->unban(prefix);
    operations_.on_freed(prefix, why);
    announcer_.unban(prefix, why, now);
    return true;
  };
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
  if (verdict_meter_.waiting() > 0) verdict_meter_.answered(prefix, fate, std::chrono::steady_clock::now());
  if (fate == Fate::enforced && eviction_) eviction_->add(prefix);
  if (fate != Fate::failed) return;
  bans_.ended(prefix);
  log_.write(events::kBanFailed, {{"prefix", prefix.to_string()}}, std::chrono::steady_clock::now());
}

}  // namespace coturn_guard
