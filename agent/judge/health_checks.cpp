// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/health_checks.hpp"

#include <algorithm>
#include <array>
#include <list>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "model/packed_network.hpp"

namespace coturn_guard {
namespace {

using Milli = std::int64_t;

constexpr std::size_t kRing = HealthChecks::kProbes;
constexpr Milli kShortest = HealthChecks::kShortest.count();
constexpr Milli kSecond = 1000;
constexpr Milli kBusy = 150;  // so late a busy machine is with anything, the check's or ours
constexpr Milli kUnknownPeriod = 600 * kSecond;  // so long nobody is overdue whose interval is not known
constexpr Milli kSameConnection = 4000;          // two words about one connection come so far apart at most

Milli milli(const Now& now) {
  return std::chrono::floor<std::chrono::milliseconds>(now.mono.time_since_epoch()).count();
}

struct NetworkHash {
  HashSeed seed;
  std::size_t operator()(const Prefix& network) const {
    return siphash13(network.network().bytes(), seed) ^ network.length();
  }
};

// When the last probes were.
class Rhythm {
 public:
  void clear() { count_ = 0; }
  [[nodiscard]] bool blank() const { return count_ == 0; }
  [[nodiscard]] Milli last() const { return times_[count_ - 1]; }
  void add(Milli at) {
    if (count_ == kRing) {
      std::move(times_.begin() + 1, times_.end(), times_.begin());
      --count_;
    }
    times_[count_++] = at;
  }
  [[nodiscard]] Milli period() const {
    return count_ < 2 ? 0 : (last() - times_[0]) / static_cast<Milli>(count_ - 1);
  }

  // With one more probe at `at` they are as far from each other, within a tenth or what a busy machine is
  // late by; or, where only whole seconds are told, as far as the whole seconds of such moments can be.
  [[nodiscard]] bool goes_on_with(Milli at, bool coarse) const {
    Rhythm with = *this;
    with.add(at);
    // No interval is shorter than a second, but for what clocks and networks are off by.
    if (with.period() * 20 < kShortest * 19) return false;
    return with.is_even() || (coarse && with.has_even_seconds());
  }

 private:
  [[nodiscard]] bool is_even() const {
    const Milli mean = period();
    for (std::size_t i = 1; i < count_; ++i) {
      const Milli off = times_[i] - times_[i - 1] - mean;
      if ((off < 0 ? -off : off) > std::max(mean / 10, kBusy)) return false;
    }
    return true;
  }

  // Some grid has each moment within the second that is told, and a little for what jitters around its start.
  // The best grid goes through two of them.
  [[nodiscard]] bool has_even_seconds() const {
    for (std::size_t a = 0; a < count_; ++a)
      for (std::size_t b = a + 1; b < count_; ++b)
        if (spread((times_[b] - times_[a]) / static_cast<Milli>(b - a)) <=
            kSecond + std::max(period() / 50, kBusy))
          return true;
    return false;
  }
  [[nodiscard]] Milli spread(Milli step) const {
    Milli least = 0, most = 0;
    for (std::size_t i = 1; i < count_; ++i) {
      const Milli off = times_[i] - times_[0] - static_cast<Milli>(i) * step;
      least = std::min(least, off);
      most = std::max(most, off);
    }
    return most - least;
  }

  std::array<Milli, kRing> times_{};
  std::size_t count_ = 0;
};

enum class Stage : std::uint8_t { fresh, regular, named };
constexpr std::size_t kStages = 3;

struct Told {
  std::uint16_t port = 0;  // 0: not known
  Milli at = 0;
  std::vector<RuleId> by;  // which rules, each once: who comes from the same port again is another
};

struct Source {
  Prefix network;
  Address address;
  std::vector<RuleId> rules;  // what a connection of it is told by: one rule, or two
  std::uint16_t local_port = 0;
  std::array<Told, 4> last{};  // connections, the newest first
  Rhythm rhythm;
  std::uint32_t equal = 0;      // intervals
  std::uint32_t since_gap = 0;  // of them, since one was double
  unsigned odd = 0;
  unsigned opened = 0;
  bool coarse = false;
  Stage stage = Stage::fresh;
  std::chrono::system_clock::time_point since;

  [[nodiscard]] bool spared() const { return stage != Stage::fresh; }
  [[nodiscard]] bool knows(RuleId rule) const {
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
  }
  [[nodiscard]] bool fits(const Probe& probe) const {
    const bool same_port = probe.local_port == 0 || local_port == 0 || probe.local_port == local_port;
    // What costs a whole point is borne only where it may be the weaker one: the kernel's word was missing.
    return same_port && (probe.weak || (!probe.proven && stage == Stage::named && knows(probe.rule)));
  }
  // What another rule told already. The log's word may come when the kernel has told of the next one.
  [[nodiscard]] Told* known_connection(const Probe& probe, Milli at) {
    if (probe.client_port == 0) return nullptr;
    const auto known = std::find_if(last.begin(), last.end(), [&](const Told& each) {
      return each.port == probe.client_port && std::max(at - each.at, each.at - at) <= kSameConnection &&
             std::find(each.by.begin(), each.by.end(), probe.rule) == each.by.end();
    });
    return known == last.end() ? nullptr : &*known;
  }
  void note_connection(const Probe& probe, Milli at) {
    std::move_backward(last.begin(), last.end() - 1, last.end());
    last.front() = {probe.client_port, at, {probe.rule}};
  }

  // False: not when it was to come.
  [[nodiscard]] bool advance(Milli at) {
    if (!rhythm.blank() && !rhythm.goes_on_with(at, coarse)) {
      // No line told of the probe between. That is believed once among several: else a scanner could come and
      // stay away as it likes.
      const Milli between = rhythm.last() + (at - rhythm.last()) / 2;
      if (since_gap < HealthChecks::kIntervals || !rhythm.goes_on_with(between, coarse)) return false;
      Rhythm whole = rhythm;
      whole.add(between);
      if (!whole.goes_on_with(at, coarse)) return false;
      rhythm = whole;
      since_gap = 0;
    } else if (!rhythm.blank()) {
      ++since_gap;
    }
    if (!rhythm.blank()) ++equal;
    rhythm.add(at);
    if (equal >= HealthChecks::kProbes) odd = 0;
    return true;
  }

  void begin_anew(Milli at) {
    rhythm.clear();
    rhythm.add(at);
    equal = since_gap = 0;
  }
};

std::string bytes_of(const Source& source) {
  PackedWriter writer;
  pack_network(writer, Prefix(source.address, kWholeAddress));
  writer.number(source.local_port);
  writer.number(static_cast<std::uint64_t>(std::max<std::int64_t>(
      std::chrono::floor<std::chrono::seconds>(source.since.time_since_epoch()).count(), 0)));
  for (const RuleId rule : source.rules) writer.number(rule);
  return writer.take();
}

std::optional<Source> source_of(const SavedRecord& record, const std::vector<std::optional<RuleId>>& rules) {
  std::optional<Source> source(std::in_place);
  PackedReader key(record.key);
  if (!unpack_network(key, source->network) || !key.complete()) return std::nullopt;
  PackedReader value(record.value);
  Prefix address;
  if (!unpack_network(value, address)) return std::nullopt;
  source->address = address.network();
  source->local_port = static_cast<std::uint16_t>(value.number() & 0xffff);
  constexpr std::uint64_t kLatest = std::uint64_t{1} << 33;
  source->since = std::chrono::system_clock::time_point(
      std::chrono::seconds(static_cast<std::int64_t>(std::min(value.number(), kLatest))));
  while (!value.complete() && source->rules.size() < 2) {
    const std::uint64_t rule = value.number();
    if (!value.good() || rule >= rules.size() || !rules[rule]) return std::nullopt;
    source->rules.push_back(*rules[rule]);
  }
  if (source->rules.empty() || !value.complete()) return std::nullopt;
  source->stage = Stage::named;
  return source;
}

HealthCheck check_of(const Source& source) {
  return {.network = source.network,
          .address = source.address,
          .rule = source.rules.front(),
          .interval = std::chrono::milliseconds(source.rhythm.period()),
          .since = source.since};
}

}  // namespace

struct HealthChecks::State {
  explicit State(const HashSeed& seed) : index(0, NetworkHash{seed}) {}

  // Of each stage, the longest silent first.
  std::array<std::list<Source>, kStages> stages;
  std::unordered_map<Prefix, std::list<Source>::iterator, NetworkHash> index;
  std::vector<HealthCheck> fresh_names;
  HealthCheckCounters counters;
  bool noting = false, everything = false;
  std::optional<Milli> first;  // probe after a start: a check of the state file has been waited for since
  std::vector<Prefix> noted, gone;

  [[nodiscard]] std::list<Source>& of(Stage stage) { return stages[static_cast<std::size_t>(stage)]; }

  [[nodiscard]] Source* find(const Prefix& network) {
    const auto known = index.find(network);
    return known == index.end() ? nullptr : &*known->second;
  }

  // It has this stage from now on, and is the newest there.
  void move_to(Source& source, Stage stage) {
    const auto at = index.find(source.network)->second;
    std::list<Source>& from = of(source.stage);
    std::list<Source>& to = of(stage);
    source.stage = stage;
    to.splice(to.end(), from, at);
  }

  void erase(Source& source) {
    const auto known = index.find(source.network);
    if (source.stage == Stage::named && noting) gone.push_back(source.network);
    of(source.stage).erase(known->second);
    index.erase(known);
    bound_notes();
  }

  void bound_notes() {
    if (gone.size() + noted.size() <= 16 * kMostNamed) return;
    everything = noting;
    gone.clear();
    noted.clear();
  }

  void bound(Stage stage, std::size_t most) {
    while (of(stage).size() > most) {
      erase(of(stage).front());
      ++counters.evicted;
    }
  }

  Source& add(Source&& source) {
    std::list<Source>& list = of(source.stage);
    list.push_back(std::move(source));
    index[list.back().network] = std::prev(list.end());
    return list.back();
  }

  bool begin(const Probe& probe, Milli at) {
    if (!probe.weak || probe.vague) return false;
    Source source;
    source.network = probe.network;
    source.address = probe.address;
    source.rules = {probe.rule};
    source.local_port = probe.local_port;
    source.note_connection(probe, at);
    source.coarse = probe.coarse;
    source.rhythm.add(at);
    add(std::move(source));
    bound(Stage::fresh, kMostFresh);
    return false;
  }

  // What a check does not do. Of a named one the same probe at another time is borne, seldom.
  bool odd(Source& source, const Probe& probe, bool at_its_time, Milli at) {
    // A brief end is counted where the log's line about the connection comes too late to explain it.
    const bool known = source.knows(probe.rule) || (probe.client_port == 0 && source.rules.size() < 2);
    const bool borne = source.stage == Stage::named && source.fits(probe) && known && source.odd < kOddities;
    if (!borne) {
      if (source.stage == Stage::named) ++counters.ended;
      erase(source);
      return begin(probe, at);
    }
    ++source.odd;
    source.equal = source.since_gap = 0;
    if (!at_its_time) source.begin_anew(at);
    return true;
  }

  [[nodiscard]] static Prefix site_of(const Prefix& network) {
    return Prefix(network.network(), network.is_v4() ? 24 : 48);
  }
  [[nodiscard]] bool site_is_full(const Prefix& network) {
    const Prefix site = site_of(network);
    const std::list<Source>& named = of(Stage::named);
    return static_cast<std::size_t>(std::count_if(named.begin(), named.end(), [&](const Source& other) {
             return site_of(other.network) == site;
           })) >= kMostNamedOfSite;
  }

  bool name(Source& source, const Now& now) {
    if (site_is_full(source.network) || (of(Stage::named).size() >= kMostNamed && !make_room(milli(now)))) {
      ++counters.refused;
      return false;
    }
    move_to(source, Stage::named);
    source.since = now.wall;
    source.odd = 0;
    ++counters.named;
    if (fresh_names.size() < kMostNamed) fresh_names.push_back(check_of(source));
    if (noting) noted.push_back(source.network);
    bound_notes();
    return true;
  }

  // The longest silent of those that should have come by long ago.
  bool make_room(Milli now) {
    for (Source& source : of(Stage::named)) {
      const Milli period = source.rhythm.period();
      const Milli patience = period == 0 ? kUnknownPeriod : 3 * period + kSecond;
      const Milli last = source.rhythm.blank() ? first.value_or(now) : source.rhythm.last();
      if (now - last <= patience) continue;
      erase(source);
      ++counters.evicted;
      return true;
    }
    return false;
  }

  bool take(const Probe& probe, const Now& now) {
    const Milli at = milli(now);
    if (!first) first = at;
    Source* const known = find(probe.network);
    if (known == nullptr) return begin(probe, at);
    Source& source = *known;
    if (probe.vague) {
      const bool same = source.fits(probe) && (source.knows(probe.rule) || source.rules.size() < 2);
      if (same && ++source.opened <= kMostOpened) return source.spared();
      return odd(source, probe, true, at);
    }
    source.coarse = source.coarse || probe.coarse;
    if (Told* const connection = source.known_connection(probe, at)) {
      const bool joins = source.fits(probe) && (source.knows(probe.rule) || source.rules.size() < 2);
      if (!joins) return odd(source, probe, true, at);
      if (!source.knows(probe.rule)) source.rules.push_back(probe.rule);
      connection->by.push_back(probe.rule);
      return source.spared();
    }
    source.note_connection(probe, at);
    const unsigned opened = std::exchange(source.opened, 0);
    const bool same = source.fits(probe) && source.knows(probe.rule) && opened <= kMostOpened;
    if (!same) return odd(source, probe, source.stage == Stage::named && source.advance(at), at);
    if (!source.advance(at)) return odd(source, probe, false, at);
    if (source.local_port == 0) source.local_port = probe.local_port;
    if (source.stage == Stage::named) {
      move_to(source, Stage::named);
      return true;
    }
    if (source.equal + 1 >= kProbes) return name(source, now);
    if (source.equal < kIntervals) {
      move_to(source, source.stage);
      return false;
    }
    move_to(source, Stage::regular);
    bound(Stage::regular, kMostRegular);
    return true;
  }
};

HealthChecks::HealthChecks(const HashSeed& seed) : state_(std::make_unique<State>(seed)) {}
HealthChecks::HealthChecks(HealthChecks&&) noexcept = default;
HealthChecks& HealthChecks::operator=(HealthChecks&&) noexcept = default;
HealthChecks::~HealthChecks() = default;

bool HealthChecks::take(const Probe& probe, const Now& now) {
  return state_->take(probe, now);
}

void HealthChecks::opened(const Prefix& network, std::uint16_t client_port) {
  Source* const source = state_->find(network);
  if (source != nullptr && (client_port == 0 || client_port != source->last.front().port)) ++source->opened;
}

void HealthChecks::end(const Prefix& network) {
  Source* const source = state_->find(network);
  if (source == nullptr) return;
  if (source->stage == Stage::named) ++state_->counters.ended;
  state_->erase(*source);
}

std::vector<HealthCheck> HealthChecks::take_named() {
  return std::exchange(state_->fresh_names, {});
}

std::vector<HealthCheck> HealthChecks::named() const {
  std::vector<HealthCheck> found;
  for (const Source& source : state_->of(Stage::named)) found.push_back(check_of(source));
  return found;
}

void HealthChecks::renumber(const std::vector<std::optional<RuleId>>& rules) {
  for (std::list<Source>& list : state_->stages)
    for (auto source = list.begin(); source != list.end();) {
      Source& each = *source++;
      bool all = true;
      for (RuleId& rule : each.rules) {
        all = all && rule < rules.size() && rules[rule];
        if (all) rule = *rules[rule];
      }
      if (!all) state_->erase(each);
    }
  note_everything();
}

void HealthChecks::begin() {
  state_->noting = true;
}

void HealthChecks::load(const std::vector<SavedRecord>& records,
                        const std::vector<std::optional<RuleId>>& rules) {
  bool all = true;
  for (const SavedRecord& record : records) {
    if (record.kind != SavedRecord::Kind::health_check) continue;
    auto source = source_of(record, rules);
    const bool good =
        source && state_->find(source->network) == nullptr && state_->of(Stage::named).size() < kMostNamed;
    all = all && good;
    if (good) state_->add(std::move(*source));
  }
  if (!all) note_everything();
}

void HealthChecks::save_changes(StateBatch& batch) {
  State& state = *state_;
  constexpr auto kKind = SavedRecord::Kind::health_check;
  const auto save = [&](const Source& source) {
    batch.records.push_back({kKind, network_key(source.network), bytes_of(source)});
  };
  const auto gone = std::exchange(state.gone, {});
  const auto noted = std::exchange(state.noted, {});
  if (std::exchange(state.everything, false)) {
    batch.clear_records.push_back(kKind);
    for (const Source& source : state.of(Stage::named)) save(source);
    return;
  }
  const auto is_named = [&](const Prefix& network) {
    const Source* const source = state.find(network);
    return source != nullptr && source->stage == Stage::named;
  };
  for (const Prefix& network : gone)
    if (!is_named(network)) batch.records_gone.push_back({kKind, network_key(network)});
  for (const Prefix& network : noted)
    if (is_named(network)) save(*state.find(network));
}

void HealthChecks::note_everything() {
  state_->everything = state_->noting;
}

std::size_t HealthChecks::size() const {
  return state_->index.size();
}
const HealthCheckCounters& HealthChecks::counters() const {
  return state_->counters;
}

}  // namespace coturn_guard
