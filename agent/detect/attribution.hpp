// SPDX-License-Identifier: GPL-3.0-or-later
// Session number -> client. Coturn names the client of a session only in some lines, mostly the last one;
// what the session did until then waits here. Bounded by count and by age; what could not be charged to
// anybody is counted. It judges nothing.
//
// What a session did within hours and one line charges at its end shall not look like minutes: of each rule's
// windows that passed meanwhile the worst is charged. Of the rules that tell of one misdeed the one that
// counted most is charged; what they tell of a session that had logged in before is none (a password that
// runs out; or a forged packet without a password, which coturn answers with the session's user).
//
// What may have been done in one of several sessions (detect/accusation) is charged when it is known whose
// they are: to the one address that they all belong to, or as much of it as must have been somebody's; never
// by which session came first.
//
// Only lines that no attacker can have written tie a session to an address: tainted ones are ignored, and do
// not end a session either.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "detect/accusation.hpp"
#include "detect/rule_set.hpp"
#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

struct AttributionCounters {
  std::uint64_t sessions = 0;      // remembered at some time
  std::uint64_t charged = 0;       // events that waited and found their client
  std::uint64_t unattributed = 0;  // events that nobody could be charged with: no session in the line, the
                                   // session's client was never named, or it was forgotten
  std::uint64_t evicted = 0;       // sessions forgotten because there were too many
  std::uint64_t excused = 0;       // resets and the like of a session that had logged in
  std::uint64_t outdated = 0;      // events of a long session that its worst window outweighs
  std::uint64_t told_twice = 0;    // events of a misdeed that another rule had told of already
  std::uint64_t ambiguous = 0;     // offences that may have been one's or another's, charged to nobody
  std::uint64_t moved = 0;  // offences of sessions that moved to a path that is not proven, charged to nobody
};

// An event whose client is known now. For a login the client is who logged in.
struct Attributed {
  Event event;             // `client` is set; `user` and `session` empty
  std::uint64_t what = 0;  // hash of what the rule counts different ones of; 0: nothing
  std::uint64_t user = 0;  // of a login: hash of the user's name
  bool login = false;
  std::optional<std::chrono::seconds> waited{};  // Offence::waited
};

class Attribution {
 public:
  static constexpr std::size_t kMaxSessions = 262'144;
  static constexpr std::size_t kMaxPending = 393'216;  // different (session, rule, user or peer) that wait
  static constexpr std::size_t kMaxPendingOfSession = 128;  // beyond it they are joined
  static constexpr std::chrono::seconds kLongestWait{120};  // without an allocation
  static constexpr std::chrono::hours kLongestSession{2};   // with one
  // A session that logged in is remembered so long beyond its end: its reset may still wait for the kernel's
  // word (Testimony::kPatience). And one that may be accused: that is decided later (Announcements).
  static constexpr std::chrono::seconds kTombstone{8};

  explicit Attribution(const HashSeed& seed);
  Attribution(Attribution&&) noexcept;
  Attribution& operator=(Attribution&&) noexcept;
  ~Attribution();

  // Appends to `attributed` what can be charged now: events of rules that cost points or have a report, and
  // logins.
  void take(const Event& event, const RuleSet& rules, const Now& now, std::vector<Attributed>& attributed);
  // What comes with the same line or tick: before its events.
  void take(const Accusation& accusation, const RuleSet& rules, const Now& now,
            std::vector<Attributed>& attributed);
  // Appends what tick() and restarted() decided.
  void take_decided(const RuleSet& rules, std::vector<Attributed>& attributed);
  // Rules were loaded anew: what waits is kept under the number that its rule has now, by name; of a rule
  // that is gone it is forgotten, as unattributed.
  void rules_changed(const RuleSet& from, const RuleSet& to);
  // Coturn began anew: session numbers begin again.
  void restarted(std::uint32_t log);
  // Once a second: what waited too long is forgotten, a bounded number at a time. `late`: how late the lines
  // of a log (Event::log) come, for each is judged by its own time.
  using Late = std::function<std::chrono::steady_clock::duration(std::uint32_t log)>;
  void tick(const Now& now, const Late& late);
  void tick(const Now& now) {
    tick(now, [](std::uint32_t) { return std::chrono::steady_clock::duration::zero(); });
  }

  // Before anything else, for who saves what is known: seconds go on from an earlier run's
  // (LastingScale::origin), and what changes is noted for save_changes().
  void begin(std::chrono::steady_clock::time_point origin);
  // Takes back what an earlier run saved, in any order. `rules`: the present numbers of its rules, by theirs.
  void load(const std::vector<SavedRecord>& records, const std::vector<std::optional<RuleId>>& rules,
            const Now& now);
  // Appends what changed since the last call.
  void save_changes(StateBatch& batch);
  void note_everything();

  // Whose the session is, where it was named.
  [[nodiscard]] std::optional<Address> client_of(std::uint32_t log, std::uint64_t session) const;
  [[nodiscard]] std::size_t sessions() const;
  [[nodiscard]] std::size_t waiting() const;  // events, counted as unattributed when nobody is named in time
  // What would be charged to the client of that session if it were named now, about, in thousandths of a
  // point.
  [[nodiscard]] std::uint64_t waiting_milli(std::uint32_t log, std::uint64_t session,
                                            const RuleSet& rules) const;
  // What those that are counted as ambiguous would have cost, in thousandths of a point.
  [[nodiscard]] std::uint64_t ambiguous_milli() const;
  [[nodiscard]] std::uint64_t moved_milli() const;  // the same of AttributionCounters::moved
  [[nodiscard]] std::size_t bytes() const;          // held; under 40 MiB, whatever comes
  [[nodiscard]] const AttributionCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
