// SPDX-License-Identifier: GPL-3.0-or-later
// Smoke: texts of attackers' in coturn's log (coturn up to 4.16, in files) behind which accusing lines cannot
// be believed. Who sends such texts again and again hides the guesses of others, or its own. Tells the
// operator while it lasts and when it is over; it judges nothing.
//
// And the sessions of forged packets: coturn up to 4.6.2 names no session in the error of a failed login, so
// whoever has others' sessions refused under the same name takes care that no guess can be charged.
//
// And sessions that a mobile client moved to another address (coturn 4.15 and later), which over UDP may be
// anybody's: what was done in them is charged to nobody.
//
// The measure is what was lost, not that somebody forges: accusations worth a ban within a minute, behind
// more texts than one, or more of them than one text can hold; of guesses that nobody can be charged with, a
// ban's worth within an hour, for slow guessing is hidden that way, too. An attacker who forges enough lines
// can raise it, and then it is true. It names nobody whom a line names.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "model/clock.hpp"
#include "model/flow.hpp"
#include "util/log.hpp"

namespace coturn_guard {

// Since the start.
struct SmokeCounts {
  std::uint64_t lost = 0;           // accusing lines that were not believed
  std::uint64_t lost_milli = 0;     // what they would have cost
  std::uint64_t blinded_bytes = 0;  // of lines that nobody may believe
  std::uint64_t texts = 0;          // that no honest client sends
  std::uint64_t ambiguous = 0;      // offences that may have been one session's or another's
  std::uint64_t ambiguous_milli = 0;
  std::uint64_t moved = 0;  // offences of sessions that moved to a path that is not proven
  std::uint64_t moved_milli = 0;
};

class SmokeAlarm {
 public:
  static constexpr std::chrono::minutes kRepeat{10};
  static constexpr std::chrono::minutes kOver{5};  // without a loss
  static constexpr std::uint64_t kTextsOfSmoke = 3;
  static constexpr std::uint64_t kLinesOfOneText = 16;  // of 60 bytes in a record of 1023

  explicit SmokeAlarm(Log& log) : log_(log) {}

  // Once a second. `enough`: points of a ban. `senders`: of such texts, where
  // somebody knows them; may be empty.
  void look(const SmokeCounts& total, Points enough, const std::string& senders, const Now& now);

  [[nodiscard]] bool burning() const { return burning_; }
  // While burning: since it began; for `status`.
  [[nodiscard]] std::string text(const Now& now) const;
  [[nodiscard]] std::uint64_t alarms() const { return alarms_; }

 private:
  static constexpr std::size_t kSeconds = 60, kMinutes = 60;

  [[nodiscard]] bool is_smoke(Points enough) const;
  void tell(const std::string& senders, const Now& now);
  void tell_over(const Now& now);

  Log& log_;
  std::array<SmokeCounts, kSeconds> earlier_{};  // totals of the last minute's seconds, a ring
  std::size_t next_ = 0;
  SmokeCounts total_, before_;                   // now, and before it began to burn
  SmokeCounts minute_;                           // within the last minute
  std::array<SmokeCounts, kMinutes> minutes_{};  // totals of the last hour's minutes, a ring
  std::size_t next_minute_ = 0;
  SmokeCounts hour_;  // within the last hour, or since the last alarm was over
  bool burning_ = false;
  std::uint64_t alarms_ = 0;
  std::chrono::steady_clock::time_point began_{}, lost_at_{}, told_at_{};
};

}  // namespace coturn_guard
