// SPDX-License-Identifier: GPL-3.0-or-later
// Guessing that is spread over many /64s of one IPv6 network. Who is given a /48 has 65536 of them, and each
// may fail a few times before it is banned. So guesses are added up once more per /56 and per /48, with high
// measures of their own (Policy), and where so many different /64s took part that it is no household any more
// (kFewest), the whole network is banned, on a ladder of its own.
//
// A /56 or a /48 may also be a provider's pool with a customer in each /64. So a network in which anybody
// logged in within the hour, or that holds an address which is never banned, is itself never banned. That
// buys an attacker who has an account there little: as long as its measure is full, each guess from a /64 in
// it that has no login of its own is a ban of that /64 at once, one from a /64 with a login counts half a
// measure, and in a /48 a /56 without logins is banned at an eighth of its measure.
//
// Who can fill it: only who guesses from addresses that are proven, or that nobody contradicts. Bounded: what
// guessed once goes before what did it again (judge/offender_table); of the sets of /64s the one that was
// used longest ago, and small ones before large ones.
//
// Sums and ladder outlive the process, the sets do not: an attacker cannot restart us, and gains by it that
// the ban of a network whose measure is full comes with the guess of the 16th or 48th /64 from then on. Each
// of these guesses counts in its own /64 as always. To save them would cost megabytes for each who spreads.
#pragma once

#include <array>
#include <bitset>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>

#include "judge/ledger.hpp"
#include "judge/policy.hpp"
#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class WideNetworks {
 public:
  static constexpr std::size_t kMaxNetworks = 16'384;  // of each length
  static constexpr unsigned kSliceCount = 6;
  static constexpr std::size_t kBits = 256;
  static constexpr std::size_t kFewest56 = 16, kFewest48 = 48;  // different /64s that guessed within findtime

  struct Finding {
    std::optional<Verdict> ban;  // of a wider network, due until begin_ban()
    // What the guess weighs in its own network, at least.
    Points weight{};
  };
  // Whether somebody in it must not be hit: a login within the hour, an address that is never banned.
  using Inhabited = std::function<bool(const Prefix&)>;

  WideNetworks(const Policy& policy, const HashSeed& seed);

  // `guess` by what it costs its own network, which is `unit`.
  [[nodiscard]] Finding count(const Offence& guess, const Prefix& unit, const Inhabited& inhabited,
                              const Now& now);
  void begin_ban(const Verdict& verdict, const Now& now);
  // As the ledger's, of exactly that network.
  bool take_back(const Prefix& network, std::uint32_t earlier_bans);
  void end_ban(const Prefix& network, const Now& now);
  // The whole networks within the prefix; not the ones around it.
  void forgive(const Prefix& prefix, bool ladder);

  // As the ledger's.
  void set_policy(const Policy& policy);
  void begin(std::chrono::steady_clock::time_point origin);
  [[nodiscard]] bool load(const SavedOffender& saved, const Now& now);  // false: it is none of these networks
  void loaded_under(std::chrono::seconds findtime);
  void note_everything();
  [[nodiscard]] bool saves_everything() const;
  void save_changes(StateBatch& batch);

  [[nodiscard]] Points points(const Prefix& network, const Now& now) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t evicted() const;

 private:
  // Which /64s of a network guessed, by sixths of findtime.
  struct Origins {
    Prefix network;
    std::array<std::uint64_t, kSliceCount> numbers{};
    std::array<std::bitset<kBits>, kSliceCount> slices;
    bool large = false;
  };
  struct Level {
    Level(unsigned wanted, std::size_t least, const HashSeed& seed);
    unsigned length;
    std::size_t fewest;
    HashSeed seed;
    bool on = false;
    Ledger ledger;
    std::list<Origins> small, large;  // most recently used first
    std::unordered_map<std::uint64_t, std::list<Origins>::iterator> index;
    std::uint64_t evicted = 0;

    void set_policy(const Policy& policy);
    [[nodiscard]] std::size_t meet(const Address& address, std::uint64_t slice);
    void forget(const Prefix& within);
    [[nodiscard]] std::uint64_t key_of(const Prefix& network) const;
    void erase(std::list<Origins>& from, std::list<Origins>::iterator origins);
  };

  [[nodiscard]] std::uint64_t slice_of(const Now& now);

  Policy policy_;
  std::optional<std::chrono::steady_clock::time_point> first_;
  std::uint64_t latest_ = 0;
  std::array<Level, 2> levels_;  // the wider first
};

}  // namespace coturn_guard
