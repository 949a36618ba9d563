// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/credit.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <limits>
#include <list>
#include <map>
#include <set>
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
constexpr std::size_t kMostUsers = 1024;  // of one network, that are known one by one
constexpr std::size_t kFewestUsers = 4;   // that each network may have, whatever others have
constexpr std::size_t kSavedUsers = 64;   // of one network, the last that logged in
constexpr std::size_t kUserBits = 512;    // linear counting: 3 % off at some hundreds

constexpr unsigned kSite = 48;              // of IPv6: what one customer of a provider is given
constexpr std::size_t kStrangersShare = 8;  // the part of the table that bytes alone may hold against logins

constexpr Tick kNoteBusyEvery = 60'000;

constexpr std::uint32_t kSharedFrom = 5;
constexpr std::uint64_t kGatewayLogins = 20;
constexpr std::uint32_t kGatewayUsers = 5;
constexpr std::uint64_t kGatewayPercent = 80;
constexpr unsigned kGatewaySlices = 3;

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
    if (slice.number < number) slice = {number, Value{}};  // a later one's stays: then it counts in that
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

// The different users that logged in from one network: each of the last ones, and how many in all, exact for
// few, then by a bitmap a slice.
class Users {
 public:
  // `most`: so many stay known one by one. How many of them had to go.
  std::size_t add(UserNumber user, Tick now, std::size_t most) {
    forget_old(now);
    Seen seen{.user = user, .time = now};
    if (const auto known = find(user); known != last_.end()) {
      seen.excused = known->excused;
      seen.excused_since = known->excused_since;
      last_.erase(known);
    }
    last_.push_back(seen);
    if (many_)
      many_->at(now).set(user % kUserBits);
    else if (last_.size() > kExactUsers)
      begin_many();
    return trim(most);
  }

  std::size_t trim(std::size_t most) {
    const std::size_t before = last_.size();
    if (before > most) last_.erase(last_.begin(), last_.end() - static_cast<std::ptrdiff_t>(most));
    return before - last_.size();
  }

  [[nodiscard]] std::uint32_t count(Tick now) const {
    if (!many_) return count_last(now, [](UserNumber) { return true; });
    Bits all;
    many_->each(now, [&](const Bits& users) { all |= users; });
    const std::size_t blank = std::max<std::size_t>(kUserBits - all.count(), 1);
    return static_cast<std::uint32_t>(
        std::lround(kUserBits * std::log(double{kUserBits} / static_cast<double>(blank))));
  }
  // Of those who have names at least so many.
  [[nodiscard]] std::uint32_t count_named(Tick now) const {
    if (!many_) return count_last(now, is_named);
    const std::uint32_t all = count(now);
    return all > kBareTimes ? all - static_cast<std::uint32_t>(kBareTimes) : 0;
  }

  [[nodiscard]] bool knows(UserNumber user, Tick now) const {
    return std::any_of(last_.begin(), last_.end(), [&](const Seen& seen) {
      return seen.user == user && since(seen.time, now) < kLasting;
    });
  }

  [[nodiscard]] bool excuse(UserNumber user, std::uint32_t times, Tick now) {
    const auto known = find(user);
    if (known == last_.end() || since(known->time, now) >= kLasting) return false;
    const std::uint32_t most = count(now) > 1 ? CreditBook::kExcusedAmongOthers : CreditBook::kExcusedAlone;
    if (since(known->excused_since, now) >= kLasting) {
      known->excused = 0;
      known->excused_since = now;
    }
    if (known->excused >= most || times > most - known->excused) return false;
    known->excused += times;
    return true;
  }

  [[nodiscard]] std::size_t size() const { return last_.size(); }

  void pack(PackedWriter& writer) const {
    const std::size_t saved = std::min(last_.size(), kSavedUsers);
    writer.number(saved);
    for (std::size_t i = last_.size() - saved; i < last_.size(); ++i)
      writer.number(last_[i].user).number(last_[i].time);
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
    if (few > kSavedUsers) return false;
    for (std::uint64_t i = 0; i < few; ++i) {
      const auto user = reader.number();
      last_.push_back({.user = user, .time = std::min(reader.number(), now)});
    }
    std::stable_sort(last_.begin(), last_.end(),
                     [](const Seen& a, const Seen& b) { return a.time < b.time; });
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
    UserNumber user = 0;
    Tick time = 0;
    Tick excused_since = 0;
    std::uint32_t excused = 0;
  };

  std::vector<Seen>::iterator find(UserNumber user) {
    return std::find_if(last_.begin(), last_.end(), [&](const Seen& seen) { return seen.user == user; });
  }

  template <class Wanted>
  [[nodiscard]] std::uint32_t count_last(Tick now, Wanted wanted) const {
    return static_cast<std::uint32_t>(std::count_if(last_.begin(), last_.end(), [&](const Seen& seen) {
      return since(seen.time, now) < kLasting && wanted(seen.user);
    }));
  }

  void forget_old(Tick now) {
    const auto young = std::find_if(last_.begin(), last_.end(),
                                    [&](const Seen& seen) { return since(seen.time, now) < kLasting; });
    last_.erase(last_.begin(), young);
    if (many_ && count(now) == 0) many_.reset();
  }

  void begin_many() {
    many_ = std::make_unique<Slices<Bits>>();
    for (const Seen& seen : last_) many_->at(seen.time).set(seen.user % kUserBits);
  }

  std::vector<Seen> last_;  // the longest silent first
  std::unique_ptr<Slices<Bits>> many_;
};

struct Entry {
  Prefix network;
  std::optional<Tick> last_login, last_busy;
  Logins logins;
  Users users;
  bool noted = false;  // among the changes
  bool saved = false;  // some state of it
  std::optional<std::list<Prefix>::iterator> in_site;
};

// Of what is no network's: the logins of all, also of networks that are forgotten.
constexpr std::string_view kAll = "all";

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
  return earned && since(*earned, now) < kLasting;
}

}  // namespace

static_assert(CreditBook::kMaxNetworks * kFewestUsers <= CreditBook::kMaxPairs);

struct CreditBook::State {
  explicit State(const HashSeed& seed) : index(0, AddressHash{seed}) {}

  std::list<Entry> entries;    // with logins, most recently earned first
  std::list<Entry> strangers;  // with bytes only, likewise
  std::unordered_map<Prefix, std::list<Entry>::iterator, AddressHash> index;
  std::set<Prefix> ipv6_logins;               // networks among `entries`
  std::map<Prefix, std::list<Prefix>> sites;  // these by /48, whose login is oldest first
  TickClock clock;
  Logins all_logins;  // also of networks that are forgotten
  Users everybody;    // the same of users
  std::uint64_t evicted = 0;
  std::size_t pairs = 0;                // users of all entries
  std::size_t most_users = kMostUsers;  // of one of them, for now
  std::uint64_t pairs_evicted = 0;
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

  Entry& earn(const Prefix& network, bool by_login) {
    if (const auto known = index.find(network); known != index.end()) {
      std::list<Entry>& from = known->second->last_login ? entries : strangers;
      std::list<Entry>& to = by_login ? entries : from;
      to.splice(to.begin(), from, known->second);
      if (by_login) enter_site(to.front());
      return to.front();
    }
    if (index.size() >= kMaxNetworks)
      evict(strangers.size() > kMaxNetworks / kStrangersShare || entries.empty() ? strangers.back()
                                                                                 : entries.back());
    std::list<Entry>& to = by_login ? entries : strangers;
    to.emplace_front();
    to.front().network = network;
    index.emplace(network, to.begin());
    if (by_login) enter_site(to.front());
    return to.front();
  }

  // It logs in. Of its /48 there may be too many then.
  void enter_site(Entry& entry) {
    if (entry.network.is_v4() || entry.network.length() < kSite) return;
    std::list<Prefix>& site = sites[Prefix(entry.network.network(), kSite)];
    if (entry.in_site) return site.splice(site.end(), site, *entry.in_site);
    ipv6_logins.insert(entry.network);
    entry.in_site = site.insert(site.end(), entry.network);
    if (site.size() > kMostOfSite) evict(*index.find(site.front())->second);
  }

  // Those within it that logged in at some time, until one is what is looked for.
  template <class IsIt>
  bool each_of(const Prefix& wide, IsIt is_it) const {
    for (auto at = ipv6_logins.lower_bound(wide); at != ipv6_logins.end() && wide.contains(at->network());
         ++at)
      if (const Entry* const entry = find(*at); entry != nullptr && is_it(*entry)) return true;
    return false;
  }

  void evict(const Entry& entry) {
    const Prefix network = entry.network;
    const bool in_logins = entry.last_login.has_value();
    if (noting && entry.saved) gone.push_back(network);
    // Nobody could write for long: all of them is less than what came and went.
    if (gone.size() > kMaxNetworks || noted.size() > 2 * kMaxNetworks) {
      everything = true;
      gone.clear();
      noted.clear();
    }
    pairs -= entry.users.size();
    if (entry.in_site) {
      ipv6_logins.erase(network);
      const auto site = sites.find(Prefix(network.network(), kSite));
      site->second.erase(*entry.in_site);
      if (site->second.empty()) sites.erase(site);
    }
    const auto known = index.find(network);
    (in_logins ? entries : strangers).erase(known->second);
    index.erase(known);
    ++evicted;
  }

  [[nodiscard]] const Entry* find(const Prefix& network) const {
    const auto known = index.find(network);
    return known == index.end() ? nullptr : &*known->second;
  }

  [[nodiscard]] std::uint64_t logins_of(const std::optional<Prefix>& network, Tick now) const {
    const Entry* entry = network ? find(*network) : nullptr;
    return entry == nullptr ? 0 : sum(entry->logins, now);
  }

  void add_user(Entry& entry, UserNumber user, Tick now) {
    pairs -= entry.users.size();
    pairs_evicted += entry.users.add(user, now, most_users);
    pairs += entry.users.size();
    bound_pairs();
  }

  // With kFewestUsers each there is room for all networks.
  void bound_pairs() {
    while (pairs > kMaxPairs && most_users > kFewestUsers) {
      most_users /= 2;
      for (Entry& entry : entries) {
        const std::size_t forgotten = entry.users.trim(most_users);
        pairs -= forgotten;
        pairs_evicted += forgotten;
      }
    }
  }

  void look_through(Tick now) {
    if (looked_through >= now / kSliceTicks) return;
    looked_through = now / kSliceTicks;
    if (pairs < kMaxPairs / 4 && most_users < kMostUsers) most_users *= 2;
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

void CreditBook::logged_in(const Prefix& network, UserNumber user, const Now& now) {
  const Tick tick = state_->clock.at(now);
  Entry& entry = state_->earn(network, true);
  entry.last_login = tick;
  state_->add_user(entry, user, tick);
  if (user != 0) static_cast<void>(state_->everybody.add(user, tick, kExactUsers));
  state_->note(entry);
  ++entry.logins.at(tick);
  ++state_->all_logins.at(tick);
  state_->look_through(tick);
  if (sum(entry.logins, tick) >= state_->logins_of(state_->busiest, tick)) state_->busiest = network;
}

void CreditBook::was_served(const Prefix& network, const Now& now) {
  Entry& entry = state_->earn(network, true);
  entry.last_login = state_->clock.at(now);
  state_->note(entry);
}

void CreditBook::was_busy(const Prefix& network, const Now& now) {
  const Tick tick = state_->clock.at(now);
  Entry& entry = state_->earn(network, false);
  if (!entry.last_busy || since(*entry.last_busy, tick) >= kNoteBusyEvery || !entry.saved)
    state_->note(entry);
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
      if (!state.everybody.unpack(value, tick)) state.everybody = {};
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
    Entry& made = state.earn(entry.network, entry.last_login.has_value());
    const auto in_site = made.in_site;
    made = std::move(entry);
    made.in_site = in_site;
    made.saved = true;
    state.pairs += made.users.size();
  }
  state.bound_pairs();
  if (!all) note_everything();
}

void CreditBook::save_changes(StateBatch& batch) {
  State& state = *state_;
  const auto save = [&](Entry& entry) {
    entry.noted = false;
    entry.saved = true;
    batch.records.push_back({SavedRecord::Kind::credit, network_key(entry.network), bytes_of(entry)});
  };
  const auto gone = std::exchange(state.gone, {});
  const auto noted = std::exchange(state.noted, {});
  if (std::exchange(state.everything, false)) {
    batch.clear_records.push_back(SavedRecord::Kind::credit);
    for (auto* const list : {&state.entries, &state.strangers})
      for (Entry& entry : *list) save(entry);
  } else {
    for (const Prefix& network : gone)
      batch.records_gone.push_back({SavedRecord::Kind::credit, network_key(network)});
    for (const Prefix& network : noted)
      if (const auto known = state.index.find(network); known != state.index.end() && known->second->noted)
        save(*known->second);
    if (noted.empty()) return;
  }
  PackedWriter all;
  pack(all, state.all_logins);
  state.everybody.pack(all);
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

bool CreditBook::logged_in_as(const Prefix& network, UserNumber user, const Now& now) const {
  const Entry* const entry = user == 0 ? nullptr : state_->find(network);
  return entry != nullptr && entry->users.knows(user, state_->clock.at(now));
}

bool CreditBook::excuse(const Prefix& network, UserNumber user, std::uint32_t times, const Now& now) {
  if (user == 0) return false;
  const auto known = state_->index.find(network);
  return known != state_->index.end() && known->second->users.excuse(user, times, state_->clock.at(now));
}

bool CreditBook::logged_in_within(const Prefix& wide, const Now& now) const {
  const Tick tick = state_->clock.at(now);
  return state_->each_of(wide, [&](const Entry& entry) { return lasts(entry.last_login, tick); });
}

std::uint32_t CreditBook::users(const Now& now) const {
  return state_->everybody.count(state_->clock.at(now));
}

std::optional<Prefix> CreditBook::gateway(const Now& now) const {
  const Tick tick = state_->clock.at(now);
  state_->look_through(tick);
  const std::uint64_t logins = state_->logins_of(state_->busiest, tick);
  if (logins < kGatewayLogins || logins * 100 < sum(state_->all_logins, tick) * kGatewayPercent)
    return std::nullopt;
  const Entry& entry = *state_->find(*state_->busiest);
  unsigned slices = 0;
  entry.logins.each(tick, [&](std::uint32_t count) { slices += count > 0 ? 1 : 0; });
  if (slices < kGatewaySlices || entry.users.count_named(tick) < kGatewayUsers) return std::nullopt;
  return state_->busiest;
}

std::size_t CreditBook::size() const {
  return state_->index.size();
}
std::uint64_t CreditBook::evicted() const {
  return state_->evicted;
}
std::size_t CreditBook::pairs() const {
  return state_->pairs;
}
std::uint64_t CreditBook::pairs_evicted() const {
  return state_->pairs_evicted;
}

Trait measured_per_user(Trait trait) {
  if (trait.credit == Credit::none) trait.credit = Credit::shared;
  return trait;
}

namespace {

// The others, and who offends there.
std::uint32_t sharers(const Standing& standing) {
  return standing.users + (standing.crowd ? 1 : 0);
}

bool is_shared(const Standing& standing) {
  return standing.crowd || standing.users >= kSharedFrom;
}

}  // namespace

Trait shared_out(Trait trait, const Standing& standing) {
  if (trait.credit != Credit::shared || !is_shared(standing)) return trait;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  trait.free = static_cast<std::uint32_t>(std::min(std::uint64_t{trait.free} * sharers(standing), kMost));
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
      if (is_shared(standing) && points.milli > 0)
        return {
            std::max(points.milli / static_cast<std::int32_t>(std::min(sharers(standing), 1'000'000U)), 1)};
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
