// SPDX-License-Identifier: GPL-3.0-or-later
// What outlives the process, as plain values between those who remember (ledger, tally, credit, attribution,
// sources) and the file (control/state_db). Times are ticks of model/lasting_scale. No behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/ban_record.hpp"
#include "model/lasting_scale.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {

// One network of the ledger. `window` holds the offences that count: 39 bits of time, whether it was joined,
// 24 bits of thousandths of a point (judge/window), oldest first, 0 where there are no more.
struct SavedOffender {
  Prefix network;
  std::uint64_t last_seen = 0;
  std::uint64_t banned_until = 0;  // 0: no ban, or pardoned
  std::uint32_t last_ban_seconds = 0;
  std::uint32_t earlier_bans = 0;
  std::array<std::uint64_t, 8> window{};

  friend bool operator==(const SavedOffender&, const SavedOffender&) = default;
};

// A live ban, with what an operator wants to know about it.
struct SavedBan {
  using Cause = BanCause;  // its numbers stand in the file

  Prefix network;
  Address address;  // whose offence filled the measure; else the network's first
  std::uint64_t until = 0;
  std::uint64_t since = 0;
  Cause cause = Cause::adopted;
  std::string rule;  // its name; this, the evidence and the points where a rule is the cause
  std::uint8_t evidence = 0;
  std::int32_t points_milli = 0;
  std::uint32_t earlier_bans = 0;
  bool forced = false;  // of what is never banned otherwise
  std::string reason;   // an operator's words

  friend bool operator==(const SavedBan&, const SavedBan&) = default;
};

// What only its owner reads: a key and a value of bytes.
struct SavedRecord {
  // Their numbers stand in the file.
  enum class Kind : std::uint8_t { tally, credit, session, position, clock, health_check, by_others };

  Kind kind = Kind::tally;
  std::string key;
  std::string value;

  friend bool operator==(const SavedRecord&, const SavedRecord&) = default;
};

struct SavedKey {
  SavedRecord::Kind kind = SavedRecord::Kind::tally;
  std::string key;
};

// What is known of the file as a whole.
struct SavedHead {
  ScaleMark mark;
  std::array<std::uint64_t, 2> seed{};  // of the hashes that records hold
  std::string rules;                    // names by number, one a line: records hold numbers
  std::string source;                   // whose positions and sessions these are
  std::int64_t findtime_seconds = 0;    // of the policy under which offences were counted
};

// Everything.
struct SavedState {
  SavedHead head;
  std::vector<SavedOffender> offenders;  // the longest silent first
  std::vector<SavedBan> bans;
  std::vector<SavedRecord> records;
};

// What changed between two moments, to be written as one. First what is cleared, then what is gone, then what
// is there.
struct StateBatch {
  SavedHead head;
  bool clear_offenders = false, clear_bans = false;
  std::vector<SavedRecord::Kind> clear_records;
  std::vector<Prefix> offenders_gone, bans_gone;
  std::vector<SavedKey> records_gone;
  std::vector<SavedOffender> offenders;
  std::vector<SavedBan> bans;
  std::vector<SavedRecord> records;

  [[nodiscard]] bool empty() const {
    return !clear_offenders && !clear_bans && clear_records.empty() && offenders_gone.empty() &&
           bans_gone.empty() && records_gone.empty() && offenders.empty() && bans.empty() && records.empty();
  }
};

}  // namespace coturn_guard
