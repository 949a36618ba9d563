// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/tally.hpp"

#include <algorithm>
#include <limits>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "judge/tick_clock.hpp"

namespace coturn_guard {
namespace {

struct Key {
  Prefix network;
  RuleId rule = 0;
  friend bool operator==(const Key&, const Key&) = default;
};

struct KeyHash {
  HashSeed seed;
  // What an attacker chooses is hashed with the seed; the few rules and lengths only have to differ.
  std::size_t operator()(const Key& key) const {
    return siphash13(key.network.network().bytes(), seed) ^
           (std::uint64_t{key.network.length()} << 16 | key.rule) * 0x9e3779b97f4a7c15ULL;
  }
};

// One of the different things, and when it was last seen.
struct Seen {
  std::uint64_t what;
  Tick time;
};

struct Entry {
  Key key;
  Window offences;           // where nothing is told apart: so many, a thousandth of a point each
  std::vector<Seen> things;  // oldest first, at most kMostDifferent
};

// True where it was not among the things yet. It is now, as the newest.
bool meet(std::vector<Seen>& things, std::uint64_t what, Tick now, Tick window) {
  std::erase_if(things, [&](const Seen& seen) { return now - seen.time >= window; });
  const auto known =
      std::find_if(things.begin(), things.end(), [&](const Seen& seen) { return seen.what == what; });
  const bool is_new = known == things.end();
  if (!is_new) things.erase(known);
  if (things.size() >= kMostDifferent) things.erase(things.begin());
  things.push_back({what, now});
  return is_new;
}

}  // namespace

struct Tally::State {
  explicit State(const HashSeed& seed) : index(0, KeyHash{seed}) {}

  std::list<Entry> entries;  // most recently used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index;
  TickClock clock;
  std::uint64_t evicted = 0;

  Entry& entry(const Key& key) {
    if (const auto known = index.find(key); known != index.end()) {
      entries.splice(entries.begin(), entries, known->second);
      return entries.front();
    }
    if (entries.size() >= kMaxEntries) {
      index.erase(entries.back().key);
      entries.pop_back();
      ++evicted;
    }
    entries.push_front({.key = key, .offences = {}, .things = {}});
    index.emplace(key, entries.begin());
    return entries.front();
  }

  // Only what is beyond the free ones.
  Points beyond_free(const Key& key, const Offence& offence, const Trait& trait, Tick now, Tick window) {
    Window& offences = entry(key).offences;
    offences.slide(now, window);
    const auto before = static_cast<std::uint32_t>(offences.sum().milli);
    const std::uint32_t free = trait.free > before ? trait.free - before : 0;
    const std::uint32_t charged = offence.count > free ? offence.count - free : 0;
    offences.add(
        now,
        {static_cast<std::int32_t>(std::min(offence.count, static_cast<std::uint32_t>(Window::kMostMilli)))});
    return times(offence.points, charged);
  }

  Points by_difference(const Key& key, const Offence& offence, const Trait& trait, Tick now, Tick window) {
    const Points repetition = trait.free > 0 ? Points{} : offence.points;
    if (offence.what == 0) return times(repetition, offence.count);
    auto& things = entry(key).things;
    if (!meet(things, offence.what, now, window)) return times(repetition, offence.count);
    const Points first = trait.from > 0 && things.size() >= std::min(trait.from, kMostDifferent)
                             ? trait.points_from
                         : things.size() <= std::min(trait.free, kMostDifferent - 1) ? Points{}
                                                                                     : offence.points;
    return times(first, 1) + times(repetition, offence.count - 1);
  }
};

Tally::Tally(const HashSeed& seed) : state_(std::make_unique<State>(seed)) {}
Tally::Tally(Tally&&) noexcept = default;
Tally& Tally::operator=(Tally&&) noexcept = default;
Tally::~Tally() = default;

Points Tally::cost(const Prefix& network, const Offence& offence, const Trait& trait,
                   std::chrono::seconds findtime, const Now& now) {
  if (offence.count == 0) return {};
  const bool never = offence.points.milli <= 0 && (trait.from == 0 || trait.points_from.milli <= 0);
  if (never) return {};
  const bool plain = trait.free == 0 && (trait.distinct == Distinct::nothing || trait.from == 0);
  if (plain) return times(offence.points, offence.count);
  const bool narrow = trait.window.count() > 0 && trait.window < findtime;
  const Tick window = ticks(narrow ? trait.window : findtime);
  const Tick tick = state_->clock.at(now);
  const Key key{network, offence.rule};
  return trait.distinct == Distinct::nothing ? state_->beyond_free(key, offence, trait, tick, window)
                                             : state_->by_difference(key, offence, trait, tick, window);
}

void Tally::forget(const Prefix& network) {
  for (auto entry = state_->entries.begin(); entry != state_->entries.end();) {
    const auto next = std::next(entry);
    if (entry->key.network.overlaps(network)) {
      state_->index.erase(entry->key);
      state_->entries.erase(entry);
    }
    entry = next;
  }
}

void Tally::clear() {
  state_->index.clear();
  state_->entries.clear();
}

std::size_t Tally::size() const {
  return state_->entries.size();
}
std::uint64_t Tally::evicted() const {
  return state_->evicted;
}

}  // namespace coturn_guard
