// SPDX-License-Identifier: GPL-3.0-or-later
#include "bans/bans.hpp"

#include <algorithm>
#include <utility>

namespace coturn_guard {
namespace {

using std::chrono::seconds;
using Kind = BanChange::Kind;

// Where nobody can make room, it is not looked for again for so long: each look costs.
constexpr seconds kLookAgain{1};

BanKernel::Time end_of(const BanRecord& record, const Now& now) {
  return record.duration >= kForeverBan ? BanKernel::Time::max() : now.mono + record.duration;
}

}  // namespace

Bans::Bans(BanKernel kernel, const HashSeed& seed)
    : kernel_(std::move(kernel)), book_(seed), asked_(0, PrefixHash{seed}) {}

void Bans::ban(const BanWish& wish, const Now& now) {
  const BanRecord& record = wish.record;
  drop_refused(record.prefix);
  // An earlier ban that lasts longer stands, with its own reason. A verdict knew of none, so it tells more.
  const auto stands = kernel_.end_of(record.prefix);
  if (record.cause != BanCause::rule && stands && *stands >= end_of(record, now))
    return kernel_.ban(record.prefix, record.duration, now);
  ask(wish, false, now);
}

// Of one that stood before us, or whose record had to go, little is known.
BanRecord Bans::record_of(const Prefix& prefix) const {
  if (auto known = book_.find(prefix)) return *known;
  BanRecord record;
  record.prefix = prefix;
  record.address = prefix.network();
  record.cause = BanCause::adopted;
  return record;
}

void Bans::ask(const BanWish& wish, bool again, const Now& now) {
  const Prefix prefix = wish.record.prefix;
  book_.note(wish.record);
  asked_.insert_or_assign(prefix, Asked{wish, again});
  tell({.kind = Kind::asked, .wish = wish, .again = again}, now);
  if (!kernel_.end_of(prefix) && kernel_.full(prefix.is_v4()))
    make_room(prefix, end_of(wish.record, now), now);
  kernel_.ban(prefix, wish.record.duration, now);
}

// A ban that ends later than the new one does not go for it.
void Bans::make_room(const Prefix& prefix, Time until, const Now& now) {
  Time& no_room_until = no_room_until_[prefix.is_v4() ? 0 : 1];
  if (now.mono < no_room_until) return;
  const auto may_go = [this](const Prefix& other) {
    return !asked_.contains(other) && kernel_.is_first(other);
  };
  const auto victim = kernel_.soonest(prefix.is_v4(), may_go);
  if (!victim) {
    no_room_until = now.mono + kLookAgain;
    return;
  }
  if (kernel_.end_of(*victim).value_or(Time::max()) >= until) return;
  ++counters_.made_room;
  const BanWish gone{.record = record_of(*victim)};
  book_.forget(*victim);
  kernel_.unban(*victim);
  tell({.kind = Kind::ended, .wish = gone, .why = "max_bans is reached: it made room", .by_room = true}, now);
}

void Bans::end(const Prefix& prefix, std::string_view why, const Now& now) {
  const auto waiting = refused_.find(prefix);
  const bool stands = kernel_.end_of(prefix).has_value();
  if (!stands) return waiting == refused_.end() ? void() : drop_refused(prefix);
  const BanWish wish{.record = record_of(prefix)};
  asked_.erase(prefix);
  book_.forget(prefix);
  kernel_.unban(prefix);
  tell({.kind = Kind::ended, .wish = wish, .why = why}, now);
}

void Bans::adopted(const Prefix& prefix, seconds remaining, const Now& now) {
  if (book_.knows(prefix)) return;
  BanRecord record = record_of(prefix);
  record.since = now.wall;
  record.duration = remaining;
  book_.note(record);
}

void Bans::answered(const Prefix& prefix, Fate fate, const Now& now) {
  const auto found = asked_.find(prefix);
  const bool known = found != asked_.end();
  if (!known && fate != Fate::failed) return;  // ended meanwhile, or nothing new
  Asked asked;
  if (known) {
    asked = std::move(found->second);
    asked_.erase(found);
  } else {
    // It stood before this run.
    BanRecord& record = asked.wish.record = record_of(prefix);
    if (record.duration < kForeverBan)
      record.duration = std::chrono::ceil<seconds>(record.since + record.duration - now.wall);
  }
  if (fate != Fate::failed) {
    if (asked.again) ++counters_.stood_later;
    return tell({.kind = Kind::stands, .wish = asked.wish, .fate = fate, .again = asked.again}, now);
  }
  book_.forget(prefix);
  climbed_ = false;
  tell({.kind = Kind::refused, .wish = asked.wish, .fate = fate, .known = known, .again = asked.again}, now);
  keep_refused(asked, climbed_, now);
}

void Bans::expired(const Prefix& prefix, const Now& now) {
  ++counters_.expired;
  const BanWish wish{.record = record_of(prefix)};
  tell({.kind = Kind::expired, .wish = wish}, now);
}

void Bans::unanswered(const Now& now) {
  std::vector<Prefix> prefixes;
  prefixes.reserve(asked_.size());
  for (const auto& [prefix, asked] : asked_) prefixes.push_back(prefix);
  for (const Prefix& prefix : prefixes)
    answered(prefix, kernel_.end_of(prefix) ? Fate::enforced : Fate::failed, now);
}

// The time of the ban passes while it waits.
void Bans::keep_refused(const Asked& asked, bool climbed, const Now& now) {
  const BanRecord& record = asked.wish.record;
  if (record.duration.count() <= 0) return;
  Refused refused{.wish = asked.wish,
                  .until = end_of(record, now),
                  .not_before = kernel_.full(record.prefix.is_v4()) ? now.mono : now.mono + kTryAgainAfter,
                  .climbed = climbed};
  refused.wish.counts_as = asked.wish.counts_as.value_or(record.earlier_bans + (climbed ? 1 : 0));
  const Worth worth{record.earlier_bans, refused.until};
  if (refused_.size() >= kMostRefused) {
    ++counters_.left_out;
    if (worth <= by_worth_.begin()->first) return;
    drop_refused(Prefix(by_worth_.begin()->second));
  }
  by_worth_.emplace(worth, record.prefix);
  refused_.insert_or_assign(record.prefix, std::move(refused));
}

void Bans::drop_refused(const Prefix& prefix) {
  const auto found = refused_.find(prefix);
  if (found == refused_.end()) return;
  const auto [begin, end] =
      by_worth_.equal_range({found->second.wish.record.earlier_bans, found->second.until});
  const auto place = std::find_if(begin, end, [&](const auto& entry) { return entry.second == prefix; });
  by_worth_.erase(place);
  refused_.erase(found);
}

void Bans::drop_refused(const std::function<bool(const Prefix&)>& which) {
  std::vector<Prefix> dropped;
  for (const auto& [prefix, refused] : refused_)
    if (which(prefix)) dropped.push_back(prefix);
  for (const Prefix& prefix : dropped) drop_refused(prefix);
}

// The most valuable first, each with what is left of its time.
void Bans::tick(const Now& now) {
  std::vector<Prefix> over, tried;
  for (const auto& [prefix, refused] : refused_)
    if (refused.until <= now.mono) over.push_back(prefix);
  for (const Prefix& prefix : over) drop_refused(prefix);
  for (auto at = by_worth_.rbegin(); at != by_worth_.rend() && tried.size() < kMostTries; ++at)
    if (refused_.at(at->second).not_before <= now.mono) tried.push_back(at->second);
  for (const Prefix& prefix : tried) {
    const Refused& refused = refused_.at(prefix);
    if (kernel_.full(prefix.is_v4()) && now.mono < no_room_until_[prefix.is_v4() ? 0 : 1]) continue;
    BanWish wish = refused.wish;
    if (refused.until != Time::max())
      wish.record.duration = std::chrono::ceil<seconds>(refused.until - now.mono);
    if (kernel_.full(prefix.is_v4())) {
      make_room(prefix, refused.until, now);
      if (kernel_.full(prefix.is_v4())) continue;
    }
    drop_refused(prefix);
    ask(wish, true, now);
  }
}

void Bans::tell(const BanChange& change, const Now& now) {
  for (const auto& hear : subscribers_) hear(change, now);
}

}  // namespace coturn_guard
