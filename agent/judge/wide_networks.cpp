// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/wide_networks.hpp"

#include <algorithm>

#include "judge/ladder.hpp"

namespace coturn_guard {
namespace {

constexpr unsigned kUnit = 64;
constexpr std::size_t kLarge = 4;       // a set of so many /64s is worth more than a smaller one
constexpr std::size_t kSmallShare = 8;  // the part of the table that small ones keep
constexpr std::int32_t kEarlyPart = 8;  // of a /56's measure and /64s, where its /48's measure is full

std::uint64_t hash_of(const Prefix& network, const HashSeed& seed) {
  return siphash13(network.network().bytes(), seed);
}

}  // namespace

WideNetworks::Level::Level(unsigned wanted, std::size_t least, const HashSeed& random)
    : length(wanted), fewest(least), seed(random), ledger(Policy{}, random) {}

void WideNetworks::Level::set_policy(const Policy& policy) {
  Policy own = policy;
  own.maxretry = length == 48 ? policy.maxretry_48 : policy.maxretry_56;
  on = own.maxretry.milli > 0 && length < policy.ipv6_prefix;
  own.ipv6_prefix = length;
  own.max_addresses = kMaxNetworks;
  ledger.set_policy(own);
}

// A network whose hash is another's shares its set: at worst a ban comes a few /64s sooner.
std::uint64_t WideNetworks::Level::key_of(const Prefix& network) const {
  return hash_of(network, seed);
}

void WideNetworks::Level::erase(std::list<Origins>& from, std::list<Origins>::iterator origins) {
  index.erase(key_of(origins->network));
  from.erase(origins);
}

// How many different /64s of its network guessed within findtime, at least, this one included.
std::size_t WideNetworks::Level::meet(const Address& address, std::uint64_t slice) {
  const Prefix network(address, length);
  const auto known = index.find(key_of(network));
  if (known == index.end()) {
    if (index.size() >= kMaxNetworks) {
      std::list<Origins>& from = small.size() > kMaxNetworks / kSmallShare || large.empty() ? small : large;
      erase(from, std::prev(from.end()));
      ++evicted;
    }
    small.emplace_front();
    small.front().network = network;
    index.emplace(key_of(network), small.begin());
  } else {
    std::list<Origins>& own = known->second->large ? large : small;
    own.splice(own.begin(), own, known->second);
  }
  const auto here = index.find(key_of(network))->second;
  Origins& origins = *here;
  const std::size_t at = slice % kSliceCount;
  if (origins.numbers[at] != slice) origins.slices[at].reset();
  origins.numbers[at] = slice;
  // In a /56 each /64 has its own bit; in a /48 some share one, so that there are at least so many.
  origins.slices[at].set(length == 56 ? address.bytes()[7] : hash_of(Prefix(address, kUnit), seed) % kBits);
  std::bitset<kBits> all;
  for (std::size_t i = 0; i < kSliceCount; ++i)
    if (origins.numbers[i] + kSliceCount > slice) all |= origins.slices[i];
  const std::size_t count = all.count();
  if (!origins.large && count >= kLarge) {
    origins.large = true;
    large.splice(large.begin(), small, here);
  }
  return count;
}

void WideNetworks::Level::forget(const Prefix& within) {
  for (auto* const list : {&small, &large})
    for (auto origins = list->begin(); origins != list->end();) {
      const auto next = std::next(origins);
      if (within.contains(origins->network.network())) erase(*list, origins);
      origins = next;
    }
}

WideNetworks::WideNetworks(const Policy& policy, const HashSeed& seed)
    : levels_{Level(48, kFewest48, seed), Level(56, kFewest56, seed)} {
  set_policy(policy);
}

// From kSliceCount on, so that a blank number is never in the window. Time does not run backwards here.
std::uint64_t WideNetworks::slice_of(const Now& now) {
  if (!first_) first_ = now.mono;
  const auto passed = std::chrono::floor<std::chrono::milliseconds>(now.mono - *first_).count();
  const auto length =
      std::max<std::int64_t>(std::chrono::milliseconds(policy_.findtime).count() / kSliceCount, 1);
  if (passed > 0) latest_ = std::max(latest_, static_cast<std::uint64_t>(passed / length));
  return latest_ + std::uint64_t{2} * kSliceCount;
}

WideNetworks::Finding WideNetworks::count(const Offence& guess, const Prefix& unit,
                                          const Inhabited& inhabited, const Now& now) {
  Finding finding;
  if (guess.address.is_v4()) return finding;
  const std::uint64_t slice = slice_of(now);
  bool full_around = false;
  for (Level& level : levels_) {
    if (!level.on) continue;
    Offence measured = guess;
    measured.alone = false;
    auto due = level.ledger.due(measured, {}, now);
    const std::size_t origins = level.meet(guess.address, slice);
    const Prefix wide(guess.address, level.length);
    const Points sum = level.ledger.points(wide, now);
    const bool full = due && origins >= level.fewest;
    const std::int32_t measure = (level.length == 48 ? policy_.maxretry_48 : policy_.maxretry_56).milli;
    const bool early =
        full_around && origins * kEarlyPart >= level.fewest && sum.milli >= measure / kEarlyPart;
    if (!full && !early) continue;
    if (inhabited(wide)) {
      full_around = full_around || full;
      continue;
    }
    const std::uint32_t earlier = level.ledger.earlier_bans(wide);
    finding.ban = Verdict{.prefix = wide,
                          .duration = ban_duration(policy_, earlier),
                          .address = guess.address,
                          .rule = guess.rule,
                          .evidence = guess.evidence,
                          .points = sum,
                          .earlier_bans = earlier,
                          .protocol = guess.protocol};
    return finding;
  }
  if (full_around)
    finding.weight = inhabited(unit) ? Points{(policy_.maxretry.milli + 1) / 2} : policy_.maxretry;
  return finding;
}

void WideNetworks::begin_ban(const Verdict& verdict, const Now& now) {
  for (Level& level : levels_)
    if (level.length == verdict.prefix.length()) level.ledger.begin(verdict, now);
}

bool WideNetworks::take_back(const Prefix& network, std::uint32_t earlier_bans) {
  for (Level& level : levels_)
    if (!network.is_v4() && level.length == network.length())
      return level.ledger.take_back(network, earlier_bans);
  return false;
}

void WideNetworks::end_ban(const Prefix& network, const Now& now) {
  for (Level& level : levels_)
    if (!network.is_v4() && level.length == network.length()) level.ledger.end_ban(network, now);
}

void WideNetworks::forgive(const Prefix& prefix, bool ladder) {
  for (Level& level : levels_) {
    if (prefix.is_v4() || prefix.length() > level.length) continue;
    level.ledger.forgive(prefix, ladder);
    level.forget(prefix);
  }
}

void WideNetworks::set_policy(const Policy& policy) {
  policy_ = policy;
  for (Level& level : levels_) level.set_policy(policy);
}

void WideNetworks::begin(std::chrono::steady_clock::time_point origin) {
  for (Level& level : levels_) level.ledger.begin(origin);
}

bool WideNetworks::load(const SavedOffender& saved, const Now& now) {
  for (Level& level : levels_) {
    if (!level.on || saved.network.is_v4() || saved.network.length() != level.length) continue;
    static_cast<void>(level.ledger.load(saved, now));
    return true;
  }
  return false;
}

void WideNetworks::loaded_under(std::chrono::seconds findtime) {
  for (Level& level : levels_) level.ledger.loaded_under(findtime);
}

void WideNetworks::note_everything() {
  for (Level& level : levels_) level.ledger.note_everything();
}

bool WideNetworks::saves_everything() const {
  return std::any_of(levels_.begin(), levels_.end(),
                     [](const Level& level) { return level.ledger.saves_everything(); });
}

void WideNetworks::save_changes(StateBatch& batch) {
  for (Level& level : levels_) level.ledger.save_changes(batch);
}

Points WideNetworks::points(const Prefix& network, const Now& now) const {
  for (const Level& level : levels_)
    if (!network.is_v4() && network.length() == level.length) return level.ledger.points(network, now);
  return {};
}

std::size_t WideNetworks::size() const {
  std::size_t all = 0;
  for (const Level& level : levels_) all += level.ledger.size();
  return all;
}

std::uint64_t WideNetworks::evicted() const {
  std::uint64_t all = 0;
  for (const Level& level : levels_) all += level.evicted + level.ledger.counters().evicted;
  return all;
}

}  // namespace coturn_guard
