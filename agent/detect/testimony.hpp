// SPDX-License-Identifier: GPL-3.0-or-later
// What coturn's log says and what the kernel saw, joined: a line about a TCP connection that never was is
// refuted, one that the kernel confirms is proven, and what coturn never logs is told by the kernel alone.
// Only a connection that coturn accepted confirms anything (Connection::foreign). A line where an attacker's
// text may stand is given back by no more than this: a connection from its very endpoint that ended within 2
// s of it, in the way that makes coturn write this line, and of which no line has told. Which of "TCP" and
// "TLS" the line names tells nothing of that: coturn takes both on every port, and by the first bytes alone.
// A line about a request to web-admin, which names nobody, is charged to whose it must be (admin_visitors).
// Pure: the kernel's side is source/witness.
//
// Refutation needs an unbroken witness from 2 s before the line came to 2 s after; without it a line is what
// it was before. Either may come first. An offence is handed on at once when both are there, or when no
// witness is. Bounded: kMaxWaiting lines and kMaxEnded connections, beyond which lines go on as they came,
// counted; of those that wait the oldest that may be forged first, for a line that nobody can have forged.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "detect/rule.hpp"
#include "detect/rule_set.hpp"
#include "model/clock.hpp"
#include "model/flow.hpp"
#include "model/port_range.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

struct TestimonyCounters {
  std::uint64_t proven = 0;       // lines that the kernel confirmed
  std::uint64_t given_back = 0;   // of them, those that were tainted
  std::uint64_t refuted = 0;      // lines about connections that never were
  std::uint64_t harmless = 0;     // resets of connections that had carried real traffic both ways
  std::uint64_t halved = 0;       // resets of connections that had carried a little
  std::uint64_t signs = 0;        // events that only the kernel told of
  std::uint64_t excused = 0;      // of its signs, those that a line tells better
  std::uint64_t overflowed = 0;   // lines handed on unproven, because too many waited
  std::uint64_t connections = 0;  // told of by the kernel, closed
  std::uint64_t forgotten = 0;    // of them, those dropped before kEndedFor, because there were too many
};

// What happened to an event; `event.user` and `event.session` of one that waited are views into storage that
// is valid until the next call.
struct Settled {
  Event event;
  bool refuted = false;
  // A reset of a connection that had carried real traffic both ways: it ties its session like any line, but
  // is no offence. Its points are 0.
  bool harmless = false;
  // When the connection ended, where that is known and was a while before.
  std::optional<std::chrono::steady_clock::time_point> ended{};
  bool vague = false;      // it ended some time since the last sample
  bool contested = false;  // it names nobody, and may be one's or another's
};

class Testimony {
 public:
  static constexpr std::size_t kMaxWaiting = 65'536;
  static constexpr std::size_t kMaxWaitingBytes = std::size_t{16} * 1024 * 1024;  // of their texts
  static constexpr std::size_t kMaxEnded = 65'536;
  static constexpr std::chrono::seconds kPatience{2};
  // How long a line about a connection that may live waits for two samples of the living at most.
  static constexpr std::chrono::seconds kLongestPatience{10};
  static constexpr std::chrono::seconds kEndedFor{60};  // how long an end is remembered
  static constexpr std::uint64_t kRealTrafficBytes = std::uint64_t{16} * 1024;  // each way

  explicit Testimony(const HashSeed& seed);
  Testimony(Testimony&&) noexcept;
  Testimony& operator=(Testimony&&) noexcept;
  ~Testimony();

  // The witness begins to see everything, or sees nothing more. Around an overflow: false, then true. Lines
  // that wait are handed on by the next call that settles.
  // `sure`: that it is coturn who listens on these ports (design: another user's process, docker-proxy say,
  // may); if not, nothing is refuted until a line was confirmed exactly once.
  void set_witness(bool available, bool sure, const Now& now);
  [[nodiscard]] bool available() const;
  // No witness, and nothing waits: take() would settle each event as it came, so that it need not be asked.
  [[nodiscard]] bool passes_all() const;

  // Where only administrators connect (Witnessed::admin).
  void set_admin_ports(std::vector<PortRange> ports);
  // Where alone requests to web-admin come from (admin_visitors).
  void set_web_admin_ports(std::vector<PortRange> ports);

  // `rules` tells what of the event's rule must be witnessed, and which rules the kernel's signs are.
  void take(const Event& event, const RuleSet& rules, const Now& now, std::vector<Settled>& settled);
  void take(const Connection& connection, const RuleSet& rules, const Now& now,
            std::vector<Settled>& settled);
  // Witness: every end until `now` has been taken. Without this word nothing is refuted.
  void heard(const Now& now);
  // Witness: all who lived from `begun` until `now` have been taken.
  void sampled(const Now& begun, const RuleSet& rules, const Now& now, std::vector<Settled>& settled);
  // Once a second: those whose patience is over.
  void tick(const RuleSet& rules, const Now& now, std::vector<Settled>& settled);

  // Rules were loaded anew: what waits is kept under the number that its rule has now, by name; of a rule
  // that is gone it is forgotten.
  void rules_changed(const RuleSet& from, const RuleSet& to);

  // Whose connections were busy since the last call, for 10 s and 16 KiB each way at least (see
  // living_connections): who earned credit by bytes.
  [[nodiscard]] std::vector<Address> take_busy();
  [[nodiscard]] const TestimonyCounters& counters() const;
  [[nodiscard]] std::size_t waiting() const;
  void waiting(std::vector<LinePlace>& lines) const;  // which they are, appended
  [[nodiscard]] std::size_t bytes() const;            // what it holds of memory, about

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coturn_guard
