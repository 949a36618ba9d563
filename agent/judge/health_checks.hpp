// SPDX-License-Identifier: GPL-3.0-or-later
// Health checks of balancers and monitors, told by their regularity: the same weak offence on the same port,
// again and again at equal intervals of a second or more, one connection at a time, and never a request for a
// relay. From the third equal interval on a ban that is due is withheld; with the eighth probe the check is
// named, and then it bans nobody. Whatever else its source does ends it, and what was counted meanwhile
// counts. So a scanner that looks like a check gains eight slow connections, or one that goes on looking like
// it: that may scan the same port with the same bytes for ever.
//
// What a real check does and a scanner gains little by is borne: a probe that nobody told of (a double
// interval), and of a named check up to kOddities irregular ones among the regular, as when a balancer is
// reloaded, coturn restarted or the interval changed.
//
// Pure, by the times it is given. Bounded: sources that were not regular yet, those that were, and the named
// ones have a table each; the longest silent goes first, counted. Of the named ones only who is overdue:
// else who has 256 addresses could push out the operator's balancer; and of one site, which somebody may have
// whole, so many are named at most. The named ones outlive the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/prefix.hpp"
#include "model/saved_state.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

// A weak offence that an operator's own check can be the cause of.
struct Probe {
  Prefix network;  // whom it counts against
  Address address;
  RuleId rule = 0;
  std::uint16_t client_port = 0, local_port = 0;  // 0: not known
  bool weak = true;                               // under a point
  bool coarse = false;                            // told by whole seconds
  bool vague = false;                             // it is known that it was, not when
  bool proven = false;                            // the kernel bears it out
};

struct HealthCheck {
  Prefix network;
  Address address;
  RuleId rule = 0;
  std::chrono::milliseconds interval{};         // 0: not known again yet, after a restart
  std::chrono::system_clock::time_point since;  // when it was named
};

struct HealthCheckCounters {
  std::uint64_t named = 0;
  std::uint64_t ended = 0;    // named ones, by something that a check does not do
  std::uint64_t evicted = 0;  // sources, for want of room
  std::uint64_t refused = 0;  // probes of who was due to be named while all places were taken
};

class HealthChecks {
 public:
  static constexpr std::size_t kMostNamed = 256;
  static constexpr std::size_t kMostNamedOfSite = 32;  // an IPv6 /48, an IPv4 /24
  static constexpr std::size_t kMostRegular = 4096;    // from the third equal interval on
  static constexpr std::size_t kMostFresh = 16'384;
  static constexpr std::uint32_t kIntervals = 3;  // equal ones, before a ban is withheld
  static constexpr std::uint32_t kProbes = 8;     // to be named
  static constexpr unsigned kOddities = 2;        // until as many probes were regular again
  static constexpr std::chrono::milliseconds kShortest{1000};

  explicit HealthChecks(const HashSeed& seed);
  HealthChecks(HealthChecks&&) noexcept;
  HealthChecks& operator=(HealthChecks&&) noexcept;
  ~HealthChecks();

  // Whether a ban that this makes due is withheld.
  [[nodiscard]] bool take(const Probe& probe, const Now& now);
  // A connection was opened that may come to nothing. More than kMostOpened of them without a probe are not
  // one at a time.
  void opened(const Prefix& network, std::uint16_t client_port);
  static constexpr unsigned kMostOpened = 3;
  // It did something else, or was banned.
  void end(const Prefix& network);
  // Named since the last call.
  [[nodiscard]] std::vector<HealthCheck> take_named();
  [[nodiscard]] std::vector<HealthCheck> named() const;

  // The rules have other numbers from here on; of a rule that is gone nothing is kept.
  void renumber(const std::vector<std::optional<RuleId>>& rules);
  // As Ledger's and Tally's.
  void begin();
  void load(const std::vector<SavedRecord>& records, const std::vector<std::optional<RuleId>>& rules);
  void save_changes(StateBatch& batch);
  void note_everything();

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] const HealthCheckCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
