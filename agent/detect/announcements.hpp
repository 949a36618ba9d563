// SPDX-License-Identifier: GPL-3.0-or-later
// Lines that announce another: coturn says why a login failed, or which peer is denied, right before the line
// that tells whose request it was (the same thread writes both). Where the second comes without the first it
// means something else: an answer to a forged packet without a password, or a peer that coturn forbids
// without a word (loopback). This remembers what was announced and finds it again. Bounded; it decides
// nothing.
//
// Coturn up to 4.6.2 names no session in the first line, so that two threads that write at once can mix their
// pairs up; tainted lines may be nobody's. What can be such a mistake is answered with `uncertain`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard {

class Announcements {
 public:
  static constexpr std::size_t kMaxWaiting = 1024;
  static constexpr std::size_t kMaxPairs = 64;  // of a rule and a log
  // Lines of other threads between the two at most: a thread may be put aside between its two writes.
  static constexpr std::uint64_t kReachLines = 4096;
  // How near another session's line must be to have taken an announcement that was not its own: while one
  // thread waits between its two writes, others write lines that look alike.
  static constexpr std::uint64_t kNearLines = 64;

  enum class Answer : std::uint8_t { announced, unannounced, uncertain };
  struct Reply {
    Answer answer;
    std::optional<Address> peer;  // that the announcing line named
  };

  // `line` counts the lines read, of all logs. `certain`: no attacker can have written it.
  void announce(const Event& event, std::uint64_t line, bool certain);
  // Was this event announced by one of `rules`? An announcement serves once. An event that is not certain
  // takes none, and makes those around it uncertain.
  [[nodiscard]] Reply take(const Event& event, const std::vector<RuleId>& rules, std::uint64_t line,
                           bool certain);
  // Something was not shown, or the rules have other numbers from here on.
  void forget(std::uint64_t line);

 private:
  struct Waiting {
    RuleId rule;
    std::uint32_t log;
    std::uint64_t session;  // 0: the line names none
    std::uint64_t user;     // hash; 0: the line names none
    std::uint64_t line;
    bool certain;
    std::optional<Address> peer;
  };
  // What is known of the lines of one rule that should be announced, in one log.
  struct Pair {
    RuleId rule;
    std::uint32_t log;
    std::uint64_t session = 0;  // of the last of them
    std::uint64_t line = 0;
    std::uint64_t other_line = 0;  // of the last one of another session than that
  };

  [[nodiscard]] Pair& pair(const Event& event);
  [[nodiscard]] bool may_be_mixed_up(const Pair& pair, std::uint64_t line) const;

  std::deque<Waiting> waiting_;  // oldest first
  std::vector<Pair> pairs_;
  // 0: never
  std::uint64_t nameless_line_ = 0;  // the last announcement without a session
  std::uint64_t doubtful_line_ = 0;
};

}  // namespace coturn_guard
