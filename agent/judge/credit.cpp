// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/credit.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <limits>
#include <list>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "judge/tick_clock.hpp"
#include "model/packed_network.hpp"

namespace coturn_guard {
namespace {

constexpr Tick kLasting = ticks(CreditBook::kLasts);
// Counts slide by slices of ten minutes: what is told from them leaves up to one slice early.
constexpr unsigned kSlices = 6;
constexpr Tick kSliceTicks = kLasting / kSlices;
constexpr std::size_t kExactUsers = 16;
constexpr std::size_t kUserBits = 512;  // linear counting: 3 % off at some hundreds

constexpr Tick kNoteBusyEvery = 60'000;

constexpr std::uint32_t kSharedFrom = 5;
constexpr std::uint64_t kGatewayLogins = 20;
constexpr std::uint32_t kGatewayUsers = 5;
constexpr std::uint64_t kGatewayPercent = 80;

struct AddressHash {
  HashSeed seed;
  std::size_t operator()(const Prefix& network) const {
    return siphash13(network.network().bytes(), seed) ^ network.length();
  }
};

// One value for each of the last slices; an older slice's is blank when it is asked for.
template <typename Value>
class Slices {
 public:
  Value& at(Tick now) {
    const Tick number = now / kSliceTicks;
    Slice& slice = slices_[number % kSlices];
    if (slice.number != number) slice = {number, Value{}};
    return slice.value;
  }
  template <typename Visit>
  void each(Tick now, const Visit& visit) const {
    for (const Slice& slice : slices_)
      if (slice.number + kSlices > now / kSliceTicks) visit(slice.value);
  }
  // Numbers and values as they are.
  template <class Write>
  void pack(PackedWriter& writer, const Write& write) const {
    for (const Slice& slice : slices_) write(writer.number(slice.number), slice.value);
  }
  // False: a slice lies in the future.
  template <class Read>
  [[nodiscard]] bool unpack(PackedReader& reader, Tick now, const Read& read) {
    for (Slice& slice : slices_) {
      slice.number = reader.number();
      slice.value = read(reader);
      if (slice.number > now / kSliceTicks) return false;
    }
    return reader.good();
  }

 private:
  struct Slice {
    Tick number = 0;
    Value value{};
  };
  std::array<Slice, kSlices> slices_;
};

using Logins = Slices<std::uint32_t>;

void pack(PackedWriter& writer, const Logins& logins) {
  logins.pack(writer, [](PackedWriter& to, std::uint32_t count) { to.number(count); });
}

bool unpack(PackedReader& reader, Tick now, Logins& logins) {
  return logins.unpack(reader, now,
                       [](PackedReader& from) { return static_cast<std::uint32_t>(from.number()); });
}

std::uint64_t sum(const Logins& logins, Tick now) {
  std::uint64_t all = 0;
  logins.each(now, [&](std::uint32_t count) { all += count; });
  return all;
}

using Bits = std::bitset<kUserBits>;

// How many different users logged in from one network: exact for few, then by a bitmap a slice.
class Users {
 public:
  void add(std::uint64_t user, Tick now) {
    forget_old(now);
    const auto known =
        std::find_if(few_.begin(), few_.end(), [&](const Seen& seen) { return seen.user == user; });
    if (known != few_.end())
      known->time = now;
    else if (!many_ && few_.size() < kExactUsers)
      few_.push_back({user, now});
    else
      add_to_many(user, now);
  }

  [[nodiscard]] std::uint32_t count(Tick now) const {
    if (!many_) {
      return static_cast<std::uint32_t>(std::count_if(
          few_.begin(), few_.end(), [&](const Seen& seen) { return now - seen.time < kLasting; }));
    }
    Bits all;
    many_->each(now, [&](const Bits& users) { all |= users; });
    const std::size_t blank = std::max<std::size_t>(kUserBits - all.count(), 1);
    return static_cast<std::uint32_t>(
        std::lround(kUserBits * std::log(double{kUserBits} / static_cast<double>(blank))));
  }

  void pack(PackedWriter& writer) const {
    writer.number(few_.size());
    for (const Seen& seen : few_) writer.number(seen.user).number(seen.time);
    writer.number(many_ ? 1 : 0);
    if (!many_) return;
    many_->pack(writer, [](PackedWriter& to, const Bits& bits) {
      for (std::size_t at = 0; at < kUserBits; at += 64) {
        std::uint64_t word = 0;
        for (std::size_t bit = 0; bit < 64; ++bit) word |= std::uint64_t{bits[at + bit]} << bit;
        to.number(word);
      }
    });
  }

  [[nodiscard]] bool unpack(PackedReader& reader, Tick now) {
    const auto few = reader.number();
    if (few > kExactUsers) return false;
    for (std::uint64_t i = 0; i < few; ++i) {
      const auto user = reader.number();
      few_.push_back({user, std::min(reader.number(), now)});
    }
    if (reader.number() == 0) return reader.good();
    many_ = std::make_unique<Slices<Bits>>();
    return many_->unpack(reader, now, [](PackedReader& from) {
      Bits bits;
      for (std::size_t at = 0; at < kUserBits; at += 64) {
        const auto word = from.number();
        for (std::size_t bit = 0; bit < 64; ++bit) bits[at + bit] = (word >> bit & 1) != 0;
      }
      return bits;
    });
  }

 private:
  struct Seen {
    std::uint64_t user;
    Tick time;
  };

  void forget_old(Tick now) {
    std::erase_if(few_, [&](const Seen& seen) { return now - seen.time >= kLasting; });
    if (many_ && count(now) == 0) many_.reset();
  }

  void add_to_many(std::uint64_t user, Tick now) {
    if (!many_) {
      many_ = std::make_unique<Slices<Bits>>();
      std::sort(few_.begin(), few_.end(), [](const Seen& a, const Seen& b) { return a.time < b.time; });
      for (const Seen& seen : few_) many_->at(seen.time).set(seen.user % kUserBits);
      few_ = {};
    }
    many_->at(now).set(user % kUserBits);
  }

  std::vector<Seen> few_;
  std::unique_ptr<Slices<Bits>> many_;
};

struct Entry {
  Prefix network;
  std::optional<Tick> last_login, last_busy;
  Logins logins;
  Users users;
  bool noted = false;  // among the changes
  bool saved = false;  // some state of it
};

// Of what is no network's: the logins of all, also of networks that are forgotten.
constexpr std::string_view kAll = "all";

std::string key_of(const Prefix& network) {
  PackedWriter writer;
  return pack_network(writer, network).take();
}

std::string bytes_of(const Entry& entry) {
  PackedWriter writer;
  writer.number(entry.last_login.value_or(0)).number(entry.last_busy.value_or(0));
  pack(writer, entry.logins);
  entry.users.pack(writer);
  return writer.take();
}

// Nothing: it is none of ours, or lies in the future.
std::optional<Entry> entry_of(const SavedRecord& record, Tick now) {
  std::optional<Entry> entry(std::in_place);
  PackedReader key(record.key);
  if (!unpack_network(key, entry->network) || !key.complete()) return std::nullopt;
  PackedReader value(record.value);
  for (auto* const earned : {&entry->last_login, &entry->last_busy})
    if (const Tick at = value.number(); at != 0) *earned = std::min(at, now);
  if (!unpack(value, now, entry->logins) || !entry->users.unpack(value, now) || !value.complete())
    return std::nullopt;
  return entry;
}

bool lasts(const std::optional<Tick>& earned, Tick now) {
  return earned && now - *earned < kLasting;
}

}  // namespace

struct CreditBook::State {
  explicit State(const HashSeed& seed) : index(0, AddressHash{seed}) {}

  std::list<Entry> entries;  // most recently earned first
  std::unordered_map<Prefix, std::list<Entry>::iterator, AddressHash> index;
  TickClock clock;
  Logins all_logins;  // also of networks that are forgotten
  std::uint64_t evicted = 0;
  // Who has the most logins of the hour. Each login may make its network that; only when a slice ends can it
  // be another without a login, and then all are looked through, once.
  std::optional<Prefix> busiest;
  Tick looked_through = 0;  // number of the slice
  bool noting = false;
  bool everything = false;
  std::vector<Prefix> noted, gone;

  void note(Entry& entry) {
    if (noting && !std::exchange(entry.noted, true)) noted.push_back(entry.network);
  }

  Entry& earn(const Prefix& network) {
    if (const auto known = index.find(network); known != index.end()) {
      entries.splice(entries.begin(), entries, known->second);
      return entries.front();
    }
    if (entries.size() >= kMaxNetworks) {
      if (noting && entries.back().saved) gone.push_back(entries.back().network);
      // Nobody could write for long: all of them is less than what came and went.
      if (gone.size() > kMaxNetworks || noted.size() > 2 * kMaxNetworks) {
        everything = true;
        gone.clear();
        noted.clear();
      }
      index.erase(entries.back().network);
      entries.pop_back();
      ++evicted;
    }
    entries.emplace_front();
    entries.front().network = network;
    index.emplace(network, entries.begin());
    return entries.front();
  }

  [[nodiscard]] const Entry* find(const Prefix& network) const {
    const auto known = index.find(network);
    return known == index.end() ? nullptr : &*known->second;
  }

  [[nodiscard]] std::uint64_t logins_of(const std::optional<Prefix>& network, Tick now) const {
    const Entry* entry = network ? find(*network) : nullptr;
    return entry == nullptr ? 0 : sum(entry->logins, now);
  }

  void look_through(Tick now) {
    if (looked_through == now / kSliceTicks) return;
    looked_through = now / kSliceTicks;
    busiest.reset();
    std::uint64_t most = 0;
    for (const Entry& entry : entries)
      if (const auto logins = sum(entry.logins, now); logins > most) {
        most = logins;
        busiest = entry.network;
      }
  }
};

CreditBook::CreditBook(const HashSeed& seed) : state_(std::make_unique<State>(seed)) {}
CreditBook::CreditBook(CreditBook&&) noexcept = default;
CreditBook& CreditBook::operator=(CreditBook&&) noexcept = default;
CreditBook::~CreditBook() = default;

void CreditBook::logged_in(const Prefix& network, std::uint64_t user, const Now& now) {
  const Tick tick = state_->clock.at(now);
  Entry& entry = state_->earn(network);
  entry.last_login = tick;
  entry.users.add(user, tick);
  state_->note(entry);
  ++entry.logins.at(tick);
  ++state_->all_logins.at(tick);
  state_->look_through(tick);
  if (sum(entry.logins, tick) >= state_->logins_of(state_->busiest, tick)) state_->busiest = network;
}

void CreditBook::was_busy(const Prefix& network, const Now& now) {
  const Tick tick = state_->clock.at(now);
  Entry& entry = state_->earn(network);
  if (!entry.last_busy || tick - *entry.last_busy >= kNoteBusyEvery || !entry.saved) state_->note(entry);
  entry.last_busy = tick;
}

void CreditBook::begin(std::chrono::steady_clock::time_point origin) {
  state_->clock.begin(origin);
  state_->noting = true;
}

void CreditBook::load(const std::vector<SavedRecord>& records, const Now& now) {
  State& state = *state_;
  const Tick tick = state.clock.at(now);
  std::vector<Entry> loaded;
  bool all = true;
  for (const SavedRecord& record : records) {
    if (record.kind != SavedRecord::Kind::credit) continue;
    if (record.key == kAll) {
      PackedReader value(record.value);
      if (!unpack(value, tick, state.all_logins)) state.all_logins = {};
      continue;
    }
    auto entry = entry_of(record, tick);
    const bool counts = entry && (lasts(entry->last_login, tick) || lasts(entry->last_busy, tick));
    all = all && counts;
    if (counts) loaded.push_back(std::move(*entry));
  }
  const auto earned = [](const Entry& entry) {
    return std::max(entry.last_login.value_or(0), entry.last_busy.value_or(0));
  };
  std::stable_sort(loaded.begin(), loaded.end(),
                   [&](const Entry& a, const Entry& b) { return earned(a) < earned(b); });
  for (Entry& entry : loaded) {
    Entry& made = state.earn(entry.network);
    made = std::move(entry);
    made.saved = true;
  }
  if (!all) note_everything();
}

void CreditBook::save_changes(StateBatch& batch) {
  State& state = *state_;
  const auto save = [&](Entry& entry) {
    entry.noted = false;
    entry.saved = true;
    batch.records.push_back({SavedRecord::Kind::credit, key_of(entry.network), bytes_of(entry)});
  };
  const auto gone = std::exchange(state.gone, {});
  const auto noted = std::exchange(state.noted, {});
  if (std::exchange(state.everything, false)) {
    batch.clear_records.push_back(SavedRecord::Kind::credit);
    for (Entry& entry : state.entries) save(entry);
  } else {
    for (const Prefix& network : gone)
      batch.records_gone.push_back({SavedRecord::Kind::credit, key_of(network)});
    for (const Prefix& network : noted)
      if (const auto known = state.index.find(network); known != state.index.end() && known->second->noted)
        save(*known->second);
    if (noted.empty()) return;
  }
  PackedWriter all;
  pack(all, state.all_logins);
  batch.records.push_back({SavedRecord::Kind::credit, std::string(kAll), all.take()});
}

void CreditBook::note_everything() {
  state_->everything = state_->noting;
}

Standing CreditBook::standing(const Prefix& network, const Now& now) const {
  const Tick tick = state_->clock.at(now);
  const Entry* const entry = state_->find(network);
  if (entry == nullptr) return {};
  return {.by_login = lasts(entry->last_login, tick),
          .by_bytes = lasts(entry->last_busy, tick),
          .users = entry->users.count(tick)};
}

bool CreditBook::is_customer(const Standing& standing, const Now& now) const {
  if (standing.by_login) return true;
  return standing.by_bytes && sum(state_->all_logins, state_->clock.at(now)) == 0;
}

std::size_t CreditBook::customers(const Now& now) const {
  const Tick tick = state_->clock.at(now);
  const bool logins_known = sum(state_->all_logins, tick) > 0;
  const auto counted = std::count_if(state_->entries.begin(), state_->entries.end(), [&](const Entry& entry) {
    return lasts(entry.last_login, tick) || (!logins_known && lasts(entry.last_busy, tick));
  });
  return static_cast<std::size_t>(counted);
}

std::optional<Prefix> CreditBook::gateway(const Now& now) const {
  const Tick tick = state_->clock.at(now);
  state_->look_through(tick);
  const std::uint64_t logins = state_->logins_of(state_->busiest, tick);
  if (logins < kGatewayLogins || logins * 100 < sum(state_->all_logins, tick) * kGatewayPercent)
    return std::nullopt;
  if (state_->find(*state_->busiest)->users.count(tick) < kGatewayUsers) return std::nullopt;
  return state_->busiest;
}

std::size_t CreditBook::size() const {
  return state_->entries.size();
}
std::uint64_t CreditBook::evicted() const {
  return state_->evicted;
}

Trait shared_out(Trait trait, const Standing& standing) {
  if (trait.credit != Credit::shared || standing.users < kSharedFrom) return trait;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  trait.free = static_cast<std::uint32_t>(std::min(std::uint64_t{trait.free} * standing.users, kMost));
  return trait;
}

Points lightened(Points points, Credit credit, const Standing& standing) {
  switch (credit) {
    case Credit::none: break;
    case Credit::spares:
      if (standing.by_login) return {};
      if (standing.by_bytes) return {(points.milli + 1) / 2};
      break;
    case Credit::shared:
      if (standing.users >= kSharedFrom && points.milli > 0)
        return {std::max(points.milli / static_cast<std::int32_t>(std::min(standing.users, 1'000'000U)), 1)};
      break;
  }
  return points;
}

Trait for_good_name(Trait trait, const Standing& standing) {
  if (!trait.good_name) return trait;
  // An operator, too, may have made it milder.
  trait.points = std::min(lightened(trait.points, trait.credit, standing), trait.good_name->points);
  trait.free = std::max(shared_out(trait, standing).free, trait.good_name->free);
  if (trait.credit == Credit::shared) trait.credit = Credit::none;
  trait.distinct = trait.good_name->distinct;
  trait.from = 0;
  return trait;
}

}  // namespace coturn_guard
