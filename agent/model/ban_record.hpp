// SPDX-License-Identifier: GPL-3.0-or-later
// What is remembered of one ban, for people and for files: since when, why, and what it kept out. Passive
// data. Until when it lasts is the enforcer's knowledge, not ours: a ban may have been lengthened since.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/flow.hpp"

namespace coturn_guard {

// The state file holds their numbers: new ones come last.
enum class BanCause : std::uint8_t {
  rule,      // offences filled the measure
  manual,    // an operator asked for it
  adopted,   // stood in the kernel before us; nobody remembers why
  imported,  // taken over from another program's records
};

// What has no end is told to last so long. Far beyond every ladder and what a duration may be
// (util/duration), far below where clocks overflow.
inline constexpr std::chrono::seconds kForeverBan = std::chrono::hours(24 * 365 * 50);
// In ticks of the state file: the end of a ban that has none.
inline constexpr std::uint64_t kNeverEnds = std::uint64_t{1} << 42;

[[nodiscard]] inline std::string_view to_string(BanCause cause) {
  switch (cause) {
    case BanCause::rule: return "rule";
    case BanCause::manual: return "manual";
    case BanCause::adopted: return "adopted";
    case BanCause::imported: return "imported";
  }
  return "unknown";
}

// Who began it, in the journal's words.
[[nodiscard]] inline std::string_view origin_of(BanCause cause) {
  switch (cause) {
    case BanCause::rule: return "rule";
    case BanCause::manual: return "operator";
    case BanCause::adopted: return "kernel";
    case BanCause::imported: return "import";
  }
  return "unknown";
}

struct BanRecord {
  Prefix prefix;
  Address address;  // whose offence filled the measure; else the network's first
  std::chrono::system_clock::time_point since{};
  std::chrono::seconds duration{};  // as it was asked for last
  BanCause cause = BanCause::rule;
  // By name: numbers of rules change with a reload. This, the evidence and the points only where the cause is
  // a rule.
  std::string rule{};
  Evidence evidence = Evidence::claimed;
  Points points{};
  std::uint32_t earlier_bans = 0;  // before this one
  std::string reason{};            // an operator's words
  bool forced = false;             // of what is never banned otherwise
  // As of the last reading of the kernel's counters.
  std::uint64_t dropped_packets = 0;
  std::uint64_t dropped_bytes = 0;
};

}  // namespace coturn_guard
