// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/tally.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <list>
#include <unordered_map>
#include <utility>
#include <vector>

#include "judge/tick_clock.hpp"
#include "model/packed_network.hpp"

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
  Window offences;  // where nothing is told apart: so many, a thousandth of a point each
  // At most kMostDifferent. Where nothing is told apart: of what waited, so many (`what`) were done within
  // the window that begins at `time`.
  std::vector<Seen> things;
  bool noted = false;  // among the changes
  bool saved = false;  // some state of it
  bool heavy = false;  // in the list of those
};

// Of the table that belongs to those of whom one thing is known: as much as goes first.
constexpr std::size_t kShareOfLight = 4;

std::string bytes_of(const Key& key) {
  PackedWriter writer;
  return pack_network(writer.number(key.rule), key.network).take();
}

std::string bytes_of(const Entry& entry) {
  PackedWriter writer;
  const auto used = entry.offences.count();
  writer.number(used);
  for (unsigned i = 0; i < used; ++i) writer.number(entry.offences.slots()[i]);
  for (const Seen& seen : entry.things) writer.number(seen.what).number(seen.time);
  return writer.take();
}

// Nothing: it is none of ours.
std::optional<Entry> entry_of(const SavedRecord& record, const std::vector<std::optional<RuleId>>& rules,
                              Tick now) {
  Entry entry;
  PackedReader key(record.key);
  const std::uint64_t rule = key.number();
  if (!unpack_network(key, entry.key.network) || !key.complete()) return std::nullopt;
  if (rule >= rules.size() || !rules[rule]) return std::nullopt;
  entry.key.rule = *rules[rule];
  PackedReader value(record.value);
  std::array<std::uint64_t, Window::kSlots> slots{};
  const std::uint64_t used = std::min<std::uint64_t>(value.number(), slots.size());
  for (std::uint64_t i = 0; i < used; ++i) slots[i] = value.number();
  if (!entry.offences.restore(slots, now)) return std::nullopt;
  while (!value.complete() && entry.things.size() < kMostDifferent) {
    const std::uint64_t what = value.number();
    entry.things.push_back({what, std::min(value.number(), now)});
    if (!value.good()) return std::nullopt;
  }
  std::stable_sort(entry.things.begin(), entry.things.end(),
                   [](const Seen& a, const Seen& b) { return a.time < b.time; });
  return entry;
}

// When it was last used.
Tick newest(const Entry& entry) {
  Tick latest = 0;
  for (const Seen& seen : entry.things) latest = std::max(latest, seen.time);
  if (const auto used = entry.offences.count(); used > 0)
    latest = std::max(latest, entry.offences.slots()[used - 1] >> (64 - kTickBits));
  return latest;
}

// Sessions wait no longer for their client (Attribution::kLongestSession).
constexpr std::chrono::hours kLongestWait{2};

constexpr Tick apart(Tick a, Tick b) {
  return a > b ? a - b : b - a;
}

// Makes room for what was done at `when`. First goes what has least to do with it: what was done at quite
// another time.
void make_room(std::vector<Seen>& things, Tick when) {
  if (things.size() < kMostDifferent) return;
  things.erase(std::max_element(things.begin(), things.end(), [&](const Seen& a, const Seen& b) {
    return apart(a.time, when) < apart(b.time, when);
  }));
}

// True where it was not among the things of that time yet. It is now. They stay in the order of their time.
bool meet(std::vector<Seen>& things, std::uint64_t what, Tick when, Tick window) {
  const Tick kept = window + ticks(kLongestWait);
  std::erase_if(things, [&](const Seen& seen) { return since(seen.time, when) >= kept; });
  const auto known = std::find_if(things.begin(), things.end(), [&](const Seen& seen) {
    return seen.what == what && apart(seen.time, when) < window;
  });
  const bool is_new = known == things.end();
  if (!is_new) {
    when = std::max(when, known->time);
    things.erase(known);
  }
  make_room(things, when);
  const auto later = [](Tick time, const Seen& seen) { return time < seen.time; };
  things.insert(std::upper_bound(things.begin(), things.end(), when, later), {what, when});
  return is_new;
}

// So many of them, at most, lie in one window with `when`.
std::size_t most_within(const std::vector<Seen>& things, Tick when, Tick window) {
  std::size_t most = 0;
  for (std::size_t first = 0, last = 0; last < things.size(); ++last) {
    while (things[last].time - things[first].time >= window) ++first;
    const bool with_it = things[last].time >= when && things[last].time - when < window;
    if (with_it) most = std::max(most, last - first + 1);
  }
  return most;
}

// Those that were done within the window of `when`. The first that is told stands in the middle of its
// window, and one window borders on another where it can, so that they come to about the same in whatever
// order they are told: who knows where the borders are has what is free twice in one window, and no more.
Seen& window_of(std::vector<Seen>& windows, Tick when, Tick window) {
  std::erase_if(windows,
                [&](const Seen& seen) { return since(seen.time, when) >= window + ticks(kLongestWait); });
  const Seen* next = nullptr;
  for (Seen& each : windows) {
    if (each.time <= when && when - each.time < window) return each;
    if (each.time > when && (next == nullptr || each.time < next->time)) next = &each;
  }
  const Tick back = next == nullptr ? 0 : (next->time - when + window - 1) / window * window;
  const Tick begin =
      next == nullptr ? when - std::min(when, window / 2) : next->time - std::min(back, next->time);
  make_room(windows, when);
  return windows.emplace_back(Seen{0, begin});
}

}  // namespace

struct Tally::State {
  explicit State(const HashSeed& seed) : index(0, KeyHash{seed}) {}

  // Most recently used first. Who counts one thing in each of a million networks pushes out others that do
  // the same, not who was seen with several.
  std::list<Entry> light, heavy;
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index;
  TickClock clock;
  std::uint64_t evicted = 0;
  bool noting = false;
  bool everything = false;
  std::vector<Key> noted, gone;

  Entry& entry(const Key& key) {
    Entry& found = find_or_make(key);
    if (noting && !std::exchange(found.noted, true)) noted.push_back(key);
    return found;
  }

  Entry& find_or_make(const Key& key) {
    if (const auto known = index.find(key); known != index.end()) {
      std::list<Entry>& entries = list_of(*known->second);
      entries.splice(entries.begin(), entries, known->second);
      return entries.front();
    }
    if (index.size() >= kMaxEntries) {
      const bool from_light = light.size() > kMaxEntries / kShareOfLight || heavy.empty();
      erase(std::prev(from_light ? light.end() : heavy.end()));
      ++evicted;
    }
    light.emplace_front();
    light.front().key = key;
    index.emplace(key, light.begin());
    return light.front();
  }

  std::list<Entry>& list_of(const Entry& entry) { return entry.heavy ? heavy : light; }

  // It is the first of its list.
  void weigh(Entry& entry) {
    const bool several = entry.things.size() > 1 || entry.offences.count() > 1;
    if (entry.heavy || !several) return;
    entry.heavy = true;
    heavy.splice(heavy.begin(), light, light.begin());
  }

  template <class Visit>
  void each(Visit visit) {
    for (std::list<Entry>* const entries : {&light, &heavy})
      for (auto entry = entries->begin(); entry != entries->end();) visit(entry++);
  }

  void erase(std::list<Entry>::iterator entry) {
    if (noting && entry->saved) gone.push_back(entry->key);
    index.erase(entry->key);
    list_of(*entry).erase(entry);
    // Nobody could write for long: all of them is less than what came and went.
    if (gone.size() > kMaxEntries || noted.size() > 2 * kMaxEntries) everything = noting;
    if (everything) {
      gone.clear();
      noted.clear();
    }
  }

  // The same of what waited.
  Points beyond_free_then(const Key& key, const Offence& offence, const Trait& trait, Tick when,
                          Tick window) {
    Entry& of = entry(key);
    Seen& then = window_of(of.things, when, window);
    const std::uint64_t free = trait.free - std::min<std::uint64_t>(trait.free, then.what);
    then.what += offence.count;
    weigh(of);
    return times(offence.points,
                 static_cast<std::uint32_t>(offence.count - std::min<std::uint64_t>(offence.count, free)));
  }

  // Only what is beyond the free ones.
  Points beyond_free(const Key& key, const Offence& offence, const Trait& trait, Tick now, Tick window) {
    Entry& of = entry(key);
    Window& offences = of.offences;
    offences.slide(now, window);
    const auto before = static_cast<std::uint32_t>(offences.sum().milli);
    const std::uint32_t free = trait.free > before ? trait.free - before : 0;
    const std::uint32_t charged = offence.count > free ? offence.count - free : 0;
    offences.add(
        now,
        {static_cast<std::int32_t>(std::min(offence.count, static_cast<std::uint32_t>(Window::kMostMilli)))});
    weigh(of);
    return times(offence.points, charged);
  }

  Points by_difference(const Key& key, const Offence& offence, const Trait& trait, Tick when, Tick window) {
    const Points repetition = trait.free > 0 ? Points{} : offence.points;
    if (offence.what == 0) return times(repetition, offence.count);
    Entry& of = entry(key);
    auto& things = of.things;
    const bool is_new = meet(things, offence.what, when, window);
    weigh(of);
    if (!is_new) return times(repetition, offence.count);
    const std::size_t different = most_within(things, when, window);
    const Points first = trait.from > 0 && different >= std::min(trait.from, kMostDifferent)
                             ? trait.points_from
                         : different <= std::min(trait.free, kMostDifferent - 1) ? Points{}
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
  const Tick told = state_->clock.at(now);
  const Tick when = told - std::min(told, ticks(offence.waited.value_or(std::chrono::seconds{0})));
  const Key key{network, offence.rule};
  if (trait.distinct != Distinct::nothing) return state_->by_difference(key, offence, trait, when, window);
  return offence.waited ? state_->beyond_free_then(key, offence, trait, when, window)
                        : state_->beyond_free(key, offence, trait, when, window);
}

void Tally::forget(const Prefix& network) {
  state_->each([&](std::list<Entry>::iterator entry) {
    if (entry->key.network.overlaps(network)) state_->erase(entry);
  });
}

void Tally::clear() {
  state_->index.clear();
  state_->light.clear();
  state_->heavy.clear();
  note_everything();
}

void Tally::begin(std::chrono::steady_clock::time_point origin) {
  state_->clock.begin(origin);
  state_->noting = true;
}

void Tally::load(const std::vector<SavedRecord>& records, const std::vector<std::optional<RuleId>>& rules,
                 const Now& now) {
  const Tick tick = state_->clock.at(now);
  std::vector<Entry> loaded;
  bool all = true;
  for (const SavedRecord& record : records) {
    if (record.kind != SavedRecord::Kind::tally) continue;
    auto entry = entry_of(record, rules, tick);
    all = all && entry && bytes_of(entry->key) == record.key;
    if (entry) loaded.push_back(std::move(*entry));
  }
  std::stable_sort(loaded.begin(), loaded.end(),
                   [](const Entry& a, const Entry& b) { return newest(a) < newest(b); });
  for (Entry& entry : loaded) {
    Entry& made = state_->find_or_make(entry.key);
    made.offences = entry.offences;
    made.things = std::move(entry.things);
    made.saved = true;
    state_->weigh(made);
  }
  if (!all) note_everything();
}

void Tally::save_changes(StateBatch& batch) {
  State& state = *state_;
  const auto save = [&](Entry& entry) {
    entry.noted = false;
    entry.saved = true;
    batch.records.push_back({SavedRecord::Kind::tally, bytes_of(entry.key), bytes_of(entry)});
  };
  const auto gone = std::exchange(state.gone, {});
  const auto noted = std::exchange(state.noted, {});
  if (std::exchange(state.everything, false)) {
    batch.clear_records.push_back(SavedRecord::Kind::tally);
    state.each([&](std::list<Entry>::iterator entry) { save(*entry); });
    return;
  }
  for (const Key& key : gone) batch.records_gone.push_back({SavedRecord::Kind::tally, bytes_of(key)});
  for (const Key& key : noted)
    if (const auto known = state.index.find(key); known != state.index.end() && known->second->noted)
      save(*known->second);
}

void Tally::note_everything() {
  state_->everything = state_->noting;
}

std::size_t Tally::size() const {
  return state_->index.size();
}
std::uint64_t Tally::evicted() const {
  return state_->evicted;
}

}  // namespace coturn_guard
