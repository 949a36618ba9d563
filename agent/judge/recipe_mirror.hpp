// SPDX-License-Identifier: GPL-3.0-or-later
// What the published Fail2Ban recipe for coturn would do with the same lines: one regular expression
// (TLS/TCP resets in coturn's plain line format), three within an hour, a minute at first and twice as long
// each time. Kept beside our own judging, so that an operator sees what the difference is. It bans nobody and
// is asked by nobody who does.
//
// It is the recipe, not Fail2Ban: it knows nothing of other jails, of restarts, or of lines that Fail2Ban
// loses when the log is rotated; and whom we banned writes no more lines that it could count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "judge/policy.hpp"
#include "model/clock.hpp"
#include "model/history.hpp"
#include "model/recent_table.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class RecipeMirror {
 public:
  static constexpr std::size_t kMaxAddresses = 20'000;

  explicit RecipeMirror(const HashSeed& seed) : table_(seed) {}

  // Each line as it stands in the log. A ban that the recipe would begin with it.
  [[nodiscard]] std::optional<RecipeBan> take(std::string_view line, const Now& now);

  [[nodiscard]] std::size_t size() const { return table_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Offender {
    Time first{};  // begin of what Fail2Ban takes for its window
    std::int64_t failures = 0;
    Time banned_at{}, banned_until{};
    std::uint32_t bans = 0;
  };

  RecentTable<Offender> table_;
  std::uint64_t evicted_ = 0;
};

// ^\s*\d+: : ERROR: session \w+: [A-Z/]+ socket error: Connection reset by peer <ADDR>:\d+
[[nodiscard]] std::optional<Address> matched_by_recipe(std::string_view line);

}  // namespace coturn_guard
