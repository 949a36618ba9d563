// SPDX-License-Identifier: GPL-3.0-or-later
// Who did what in the last `findtime`, and who was banned how often: Offence -> Verdict. A true sliding
// window, bounded memory. It bans nobody itself, reads no clock, and keeps no list of live bans beyond "until
// when".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "judge/policy.hpp"
#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

struct LedgerCounters {
  std::uint64_t offences = 0;  // recorded
  std::uint64_t not_bannable =
      0;  // spoofable or tainted: counted, never judged, nothing is remembered of them
  std::uint64_t while_banned = 0;  // came from a network whose ban still runs
  std::uint64_t verdicts = 0;
  std::uint64_t evicted = 0;  // forgotten early because the ledger was full
};

class Ledger {
 public:
  Ledger(const Policy& policy, const HashSeed& seed);
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  // `offence.points` are what it costs (judge/tally, judge/credit), `window` is how long they count: 0, or
  // more than findtime, means findtime. `now` may lie before an earlier call's: what is more than findtime
  // older than the last of its network begins another window, for the two never stood in one.
  [[nodiscard]] std::optional<Verdict> record(const Offence& offence, std::chrono::seconds window,
                                              const Now& now);
  [[nodiscard]] std::optional<Verdict> record(const Offence& offence, const Now& now) {
    return record(offence, {}, now);
  }
  // record() in two steps, for who may withhold a ban. With the first, the verdict is due and stays due: each
  // further offence finds it so until the points leave the window; the second passes it.
  [[nodiscard]] std::optional<Verdict> due(const Offence& offence, std::chrono::seconds window,
                                           const Now& now);
  void begin(const Verdict& verdict, const Now& now);
  // The same for a ban that is no rung of the ladder: the window and the earlier bans stay as they are.
  void begin_apart(const Verdict& verdict, const Now& now);
  // The ban does not stand after all (the kernel refused it): the network is not banned, and its ladder is as
  // it was before. `earlier_bans`: the verdict's. True: it had climbed a rung of the ladder.
  bool take_back(const Prefix& network, std::uint32_t earlier_bans);
  // Its ban ends before its time, and nobody pardoned it: the ladder and the window stay.
  void end_ban(const Prefix& network, const Now& now);
  // It comes from a network whose ban still runs; counted as that. For who judges it by another ledger.
  [[nodiscard]] bool meets_ban(const Offence& offence, const Now& now);
  // The offences in the window are forgotten and its ban is taken as ended (unban); with `ladder`, its
  // earlier bans too. A prefix wider than the unit of judging means every network in it, a narrower one the
  // network it lies in.
  void forgive(const Prefix& prefix, bool ladder);
  // A ban that stands although no verdict of this ledger's made it (adopted from the kernel after a restart):
  // it counts as one earlier ban unless more are known, and offences until `remaining` has passed are counted
  // as while_banned.
  // `earlier_bans`: so many are known, this one included. Without a remaining time only they are taken over.
  void adopt(const Prefix& prefix, std::chrono::seconds remaining, const Now& now,
             std::uint32_t earlier_bans = 1);
  // A changed policy applies to what comes; what was counted stays, but never longer than it was to stay.
  // After a change of ipv4_prefix or
  // ipv6_prefix what was counted under the old lengths finds no more offences and ages out.
  void set_policy(const Policy& policy);

  // Before anything else: ticks go on from an earlier run's (LastingScale::origin), and what changes is noted
  // for save_changes().
  void begin(std::chrono::steady_clock::time_point origin);
  // Takes back what an earlier run saved, the longest silent first. False: it is forgotten by now, or is no
  // record of a ledger's; the next save_changes() removes it from what is saved.
  bool load(const SavedOffender& saved, const Now& now);
  // What was loaded was counted under this findtime: where ours is longer, it leaves when it was to leave.
  void loaded_under(std::chrono::seconds findtime);
  // Appends what changed since the last call. Costs a copy of each changed record, at most of all.
  void save_changes(StateBatch& batch);
  void note_everything();                       // the next call gives all of it
  [[nodiscard]] bool saves_everything() const;  // and clears what was saved before, whoever's it is

  // What counts against this unit of judging (prefix_of, or an address judged alone) now. A ban begins anew,
  // but for one apart.
  [[nodiscard]] Points points(const Prefix& network, const Now& now) const;
  // How often this unit of judging was banned, as far as that is remembered.
  [[nodiscard]] std::uint32_t earlier_bans(const Prefix& network) const;
  // So long its ban still runs.
  [[nodiscard]] std::chrono::seconds ban_left(const Prefix& network, const Now& now) const;
  // A ban of this unit of judging ended within the last `lately`, and nobody pardoned it. Not of who was
  // never banned but apart.
  [[nodiscard]] bool ended_lately(const Prefix& network, std::chrono::seconds lately, const Now& now) const;
  [[nodiscard]] Prefix prefix_of(const Address& address) const;   // the unit of judging
  [[nodiscard]] Prefix network_of(const Offence& offence) const;  // whom it counts against
  [[nodiscard]] std::size_t size() const;                         // networks remembered
  [[nodiscard]] std::size_t bytes() const;                        // memory held, for the metrics
  [[nodiscard]] const LedgerCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
