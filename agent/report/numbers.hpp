// SPDX-License-Identifier: GPL-3.0-or-later
// What the report shows, as numbers: the past cut into equal buckets, and its totals. Pure; page.cpp makes
// HTML of it and report.cpp JSON.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "model/history.hpp"

namespace coturn_guard {

// One colour of a plot: a value for each bucket.
struct Series {
  std::string name;
  std::vector<std::uint64_t> values;
  std::uint64_t total = 0;
};

struct NetworkNumbers {
  Prefix network;              // a /24 or a /48
  std::uint64_t bans = 0;      // of those that are known one by one
  std::uint64_t networks = 0;  // different ones that were banned in it
  std::chrono::seconds longest{};
  std::string rule;  // the most frequent reason
};

struct RungNumbers {
  std::chrono::seconds duration{};
  std::uint64_t bans = 0;
};

// Ours beside the recipe's.
struct RecipeNumbers {
  Series bans;
  std::uint64_t customers = 0;    // bans of who had logged in within the hour
  std::uint64_t both = 0;         // addresses that both would have banned
  std::uint64_t only_ours = 0;    // networks
  std::uint64_t only_recipe = 0;  // addresses
  std::vector<RecipeBan> spared;  // the newest of those that we did not ban
};

struct ReportNumbers {
  WallTime from, until;
  std::chrono::seconds bucket{};
  std::size_t buckets = 0;
  std::uint64_t lines = 0, recognised = 0, withheld = 0;
  std::vector<Series> offences, bans;  // by rule, the most frequent first; "other rules" is the last
  Series dropped;
  std::array<std::uint64_t, 4> evidence{};  // by Evidence
  std::uint64_t offences_total = 0, bans_total = 0;
  std::uint64_t bans_one_by_one = 0;  // so many of them are kept
  std::vector<NetworkNumbers> networks;
  std::vector<RungNumbers> ladder;
  RecipeNumbers recipe;
  std::uint64_t bans_by_hand = 0;    // of bans_total
  std::uint64_t unbans_by_hand = 0;  // of those that are kept one by one
  std::uint64_t unbans_other = 0;    // spared by now, or to make room

  [[nodiscard]] bool empty() const {
    return lines == 0 && offences_total == 0 && bans_total == 0 && unbans_by_hand + unbans_other == 0;
  }
};

inline constexpr std::size_t kMostBuckets = 96;
inline constexpr std::size_t kMostRules = 7;  // with a colour of their own
inline constexpr std::size_t kMostNetworks = 12;
inline constexpr std::size_t kMostSpared = 12;

// The buckets between begin at a round time, at or before `from`: what is to be read for them begins there.
[[nodiscard]] WallTime first_bucket(WallTime from, WallTime until);
// Of what was read from first_bucket() on; `until` lies after `from`.
[[nodiscard]] ReportNumbers summarise(const Past& past, WallTime from, WallTime until);

}  // namespace coturn_guard
