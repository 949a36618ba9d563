// SPDX-License-Identifier: GPL-3.0-or-later
// For rules that count different things (users, peers, sessions) or whose first few offences are free: how
// many of which there were, per network and rule, within the rule's window. Bounded: the least recently used
// entry goes first, counted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/prefix.hpp"
#include "model/saved_state.hpp"
#include "model/trait.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class Tally {
 public:
  static constexpr std::size_t kMaxEntries = 65'536;

  explicit Tally(const HashSeed& seed);
  Tally(Tally&&) noexcept;
  Tally& operator=(Tally&&) noexcept;
  ~Tally();

  // What this offence costs by its rule's trait (offence.points for one ordinary offence, offence.count
  // times); 0 where it is free. A trait without distinct, free and from is arithmetic only and takes no
  // memory. An offence that names nothing (`what` 0) is never a new one. Ask only for what may be judged:
  // what a forged line names would use up the free ones of whom it blames. `now`: when it was told. What
  // waited is counted among what was done about the same time, whenever that was told.
  [[nodiscard]] Points cost(const Prefix& network, const Offence& offence, const Trait& trait,
                            std::chrono::seconds findtime, const Now& now);

  void forget(const Prefix& network);  // everything of it, of what lies inside and of the network around it
  void clear();                        // rule numbers mean other rules from here on
  // As Ledger's and Attribution's.
  void begin(std::chrono::steady_clock::time_point origin);
  void load(const std::vector<SavedRecord>& records, const std::vector<std::optional<RuleId>>& rules,
            const Now& now);
  void save_changes(StateBatch& batch);
  void note_everything();
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t evicted() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
