// SPDX-License-Identifier: GPL-3.0-or-later
// Lines that announce another: coturn says why a login failed, or which peer is denied, right before the line
// that tells whose request it was. Where the second comes without the first it means something else: an
// answer to a forged packet without a password, or a peer that coturn forbids without a word (loopback). This
// remembers what was announced and finds it again. Bounded; it judges nobody.
//
// Coturn up to 4.6.2 names no session in the first line. The same thread writes both, with nothing of its own
// in between, and a session's number tells its thread: so a line can only be announced by what stands behind
// the line before of its own thread. Other threads write at the same time, and whoever forges packets can
// have them write lines that look alike: he must neither have a victim charged with the guess that another
// line announced, nor have a victim's denial taken away. So where several lines fit, nobody is accused by
// which of them came first: they are gathered (a trial), and when nothing more can fit, an Accusation tells
// how many of them must have been offences, and whose they may be.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "detect/accusation.hpp"
#include "detect/dating.hpp"
#include "model/clock.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

class Announcements {
 public:
  // Lines, of all logs, and time that a thread may be put aside between its two writes. Whichever ends first;
  // both bound what is remembered.
  static constexpr std::uint64_t kReachLines = 16'384;
  static constexpr std::chrono::seconds kPatience{2};
  static constexpr std::size_t kMaxLogs = 64;
  static constexpr std::size_t kMaxSuspects = 64;  // sessions of one trial; more are only counted
  // A trial that goes on and on, because other lines fit before it is over, ends by force: what lines may
  // still fit is lost then.
  static constexpr std::uint64_t kLongestTrialLines = 4 * kReachLines;
  static constexpr std::chrono::seconds kLongestTrial{4};
  static constexpr std::size_t kThreads = 1024;  // remembered, about

  enum class Answer : std::uint8_t {
    announced,
    unannounced,
    uncertain,
    contested,  // perhaps announced: what accuse() is for
  };
  struct Reply {
    Answer answer;
    std::optional<Address> peer;  // that the announcing line named
  };
  // `line` counts the lines read, of all logs; `previous`: the one before of the same thread (pass()), 0: not
  // known.
  struct Position {
    std::uint64_t line = 0;
    std::uint64_t previous = 0;
  };

  // For each line of coturn's own that names a session: the line before of its thread.
  [[nodiscard]] std::uint64_t pass(std::uint32_t log, std::string_view session, std::uint64_t line);

  // `certain`: no attacker can have written it.
  void announce(const Event& event, const Position& at, bool certain);
  // Was this event announced by one of `rules`? `accuses`: announced, it is worse than unannounced.
  [[nodiscard]] Reply take(const Event& event, const std::vector<RuleId>& rules, const Position& at,
                           bool certain, bool accuses);
  // Of a contested event, as what it weighs: whoever did it is told by an accusation.
  void accuse(const Event& event, const std::vector<RuleId>& rules, const Position& at);
  // A line that no forged packet can cause names this session's client: it completed a handshake.
  void shook_hands(std::uint32_t log, std::string_view session);
  // Something of this log was not shown, or may be an attacker's.
  void doubt(std::uint32_t log, std::uint64_t line);
  void doubt_all(std::uint64_t line);
  // The rules have other numbers from here on: what is not decided is nobody's.
  void forget(std::uint64_t line);
  // Nothing more is to be read, and it is so late. `late`: how late the lines of that log (Line::log) come.
  template <class Late>
  void wait_no_longer(const Now& now, Late late) {
    for (Log& log : logs_)
      if (!log.waiting.empty())
        wait_no_longer(log, {now.mono - late(log.waiting.front().deed.log), now.wall});
  }
  // So much of that log's own time has passed.
  void wait_no_longer(std::uint32_t log, const Now& now);
  // What was in doubt is dated.
  void date(const Dating& dating);
  void decide_all();  // nothing will come

  // What was decided since the last call.
  void take_accusations(std::vector<Accusation>& into);
  // What would be charged to that session if all that fits it were its own, in thousandths of a point.
  [[nodiscard]] std::uint64_t milli_on_trial(std::uint32_t log, std::uint64_t session) const;
  // Lines that are on trial.
  void waiting(std::vector<LinePlace>& lines) const;

 private:
  using TrialId = std::uint32_t;
  static constexpr TrialId kSpent = 0xffff'ffff;
  struct Waiting {
    RuleId rule;
    std::uint64_t session;  // 0: the line names none
    std::uint64_t user;     // hash; 0: the line names none
    std::uint64_t line;
    std::uint32_t count;
    bool certain;
    bool doubtful;
    TrialId trial;  // 0: no line fits it yet; kSpent: nothing is to fit it any more
    std::optional<Address> peer;
    Deed deed;
  };
  struct Trial {
    Accusation accusation;
    std::vector<std::uint64_t> announcements;                 // how many-th of the log's
    std::size_t open = 0;                                     // of them, those that lines may still fit
    std::vector<std::pair<std::uint64_t, LinePlace>> places;  // of its lines, with their sessions
    std::uint64_t begun_line = 0;
    std::chrono::steady_clock::time_point begun;
  };
  struct Log {
    std::uint32_t log = 0;
    std::uint64_t doubtful_line = 0;
    std::uint64_t gone = 0;       // announcements before the first that waits
    std::deque<Waiting> waiting;  // in the order of their lines
    std::chrono::steady_clock::time_point looked_through;
  };
  struct Thread {
    std::uint32_t log = 0;
    std::uint64_t thread = 0;
    std::uint64_t line = 0;  // 0: nobody's
  };

  [[nodiscard]] Log& log_of(std::uint32_t number);
  void drop_front(Log& log);
  void drop_far(std::uint64_t line);
  TrialId unite(Log& log, TrialId one, TrialId other);
  void doubt(Log& log, std::uint64_t line);
  void decide(Trial& trial);
  void end_by_force(Log& log, TrialId id);
  void wait_no_longer(Log& log, const Now& now);

  std::vector<Log> logs_;  // the most recently used last
  std::array<Thread, kThreads> threads_{};
  std::unordered_map<TrialId, Trial> trials_;
  TrialId next_trial_ = 1;
  std::uint64_t next_look_ = 0;  // the line at which what is too far away is dropped
  bool accused_ = false;         // somebody, at some time
  std::vector<Accusation> decided_;
};

}  // namespace coturn_guard
