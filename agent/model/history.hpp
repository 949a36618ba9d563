// SPDX-License-Identifier: GPL-3.0-or-later
// What happened in one minute, as it is kept for the report: passive data on its way from the loop to the
// history's file, and out of it again. Rules stand by their names, for numbers mean others after a reload.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard {

using WallTime = std::chrono::system_clock::time_point;

// The "rule" of bans that an operator made.
inline constexpr const char* kByHand = "by hand";

// A ban that was made; in observing mode, would have been made.
struct PastBan {
  WallTime when;
  Prefix prefix;
  std::chrono::seconds duration{};
  std::string rule;
  Evidence evidence = Evidence::claimed;
  Points points;
  std::uint32_t earlier_bans = 0;
};

// A ban that was ended before its time.
struct PastUnban {
  WallTime when;
  Prefix prefix;
  std::string reason;  // "manual": an operator's
};

// A ban that the recipe would have made (judge/recipe_mirror).
struct RecipeBan {
  WallTime when;
  Address address;
  std::chrono::seconds duration{};
  bool customer = false;  // he had logged in within the hour
};

using OffenceCounts = std::map<std::pair<std::string, Evidence>, std::uint64_t>;  // by rule and evidence
using BanCounts = std::map<std::string, std::uint64_t>;                           // by rule

struct MinuteCounts {
  std::uint64_t lines = 0;
  std::uint64_t recognised = 0;  // of the lines, those that are coturn's
  std::uint64_t dropped = 0;     // packets, of who is banned, quenched, or talks garbage
  std::uint64_t withheld = 0;    // bans, by the circuit breaker
  std::uint64_t recipe_bans = 0;
  std::uint64_t recipe_customers = 0;  // of these, bans of customers
  OffenceCounts offences;
  BanCounts bans;
};

// One minute of the run, or its last part. Counts are exact; of bans one by one it holds so many, and the
// counts tell how many there were.
struct Minute {
  static constexpr std::size_t kMostBans = 10'000;

  WallTime start;
  MinuteCounts counts;
  std::vector<PastBan> bans;
  std::vector<PastUnban> unbans;
  std::vector<RecipeBan> recipe_bans;

  [[nodiscard]] bool empty() const {
    return counts.lines == 0 && counts.dropped == 0 && counts.offences.empty() && counts.bans.empty() &&
           unbans.empty();
  }
};

// What `report` asks for: minutes and hours, and bans one by one, oldest first.
struct PastSlot {
  WallTime start;
  MinuteCounts counts;
};
struct Past {
  std::vector<PastSlot> slots;  // only those in which something was
  std::vector<PastBan> bans;
  std::vector<PastUnban> unbans;
  std::vector<RecipeBan> recipe_bans;
};

}  // namespace coturn_guard
