// SPDX-License-Identifier: GPL-3.0-or-later
// What attribution knows, and its steps: within attribution*.cpp only. attribution.cpp takes what comes,
// attribution_pending.cpp has what waits for its client, attribution_accusations.cpp what may be one's or
// another's, attribution_saved.cpp what outlives the process.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "detect/attribution.hpp"
#include "detect/session_table.hpp"
#include "detect/shared_accusations.hpp"
#include "detect/what_numbers.hpp"

namespace coturn_guard {

// An event without points of a rule that has some was counted already (Rule::unless_counted): it only tells.
// One of a rule that the operator switched off costs nothing, but is counted.
inline bool is_offence(const Rule& rule, const Event& event) {
  return !rule.tells_only() && (event.points.milli > 0 || rule.trait.points.milli == 0);
}
inline bool goes_on(const Rule& rule, const Event& event) {
  return is_offence(rule, event) || (rule.tells_only() && !rule.report.empty());
}
// In coturn a session keeps its user (ns_turn_server.c answers another one with 437 or 441): who logged in
// guesses no more there.
inline bool is_excused(const Rule& rule, const SessionTable::Record& record) {
  return record.logged_in && (rule.trait.credit == Credit::spares || !rule.misdeed.empty());
}

// Coturn writes so of connections, which no forged packet makes.
inline bool tells_of_connection(const Rule& rule) {
  const auto tells = [](const std::string& begin) {
    return begin.starts_with("TCP socket ") || begin.starts_with("TLS/TCP socket ") ||
           begin.starts_with("SCTP socket ") || begin.starts_with("TLS/SCTP socket ");
  };
  return !rule.begins.empty() && std::all_of(rule.begins.begin(), rule.begins.end(), tells);
}

// A mobile client's new path, of which neither the kernel nor a line says that a connection was made from
// there: nobody is charged with, nor credited for, what is done on it.
inline bool is_unproven_path(const SessionTable::Record& record) {
  return record.moved && !record.proven && !record.connected;
}

struct Attribution::State {
  using Record = SessionTable::Record;
  using Pending = SessionTable::Pending;

  // A session that was refreshed, until its thread's next line about a refresh. Threads are few and not an
  // attacker's to choose; whose place another takes is one that did not move, as far as we know.
  struct Refreshed {
    std::uint32_t log = 0;
    std::uint64_t session = 0;  // 0: none
  };
  static constexpr std::uint64_t kSessionsOfThread = 1'000'000'000'000'000;  // session_number.hpp
  std::array<Refreshed, 1024> refreshed{};

  explicit State(const HashSeed& random) : seed(random), table(random) {}

  std::uint32_t seconds(const Now& now);
  [[nodiscard]] std::uint64_t what(const Event& event, Distinct distinct) const {
    return what_number(event, distinct, seed);
  }
  void take_nameless(const Event& event, const Rule& rule, const RuleSet& rules, std::uint32_t time,
                     std::vector<Attributed>& out);
  void follow_refresh(std::uint32_t log, std::uint64_t session, const Rule& rule, std::uint32_t time);
  void take_named(const Event& event, const Rule& rule, const RuleSet& rules, std::uint32_t time,
                  std::vector<Attributed>& out);
  void tie(Record& record, const Event& event, const RuleSet& rules, std::uint32_t time,
           std::vector<Attributed>& out);
  void charge_pending(Record& record, const RuleSet& rules, std::uint32_t time, std::vector<Attributed>& out);
  std::uint32_t told_anew(Record& record, RuleId rule, std::uint32_t count, const RuleSet& rules);
  void wait(Record& record, const Event& event, const Rule& rule, std::uint32_t time);
  void charge_late(const Event& event, const Rule& rule, Record& record, const RuleSet& rules,
                   std::uint32_t time, std::vector<Attributed>& out);
  void accuse(const Accusation& accusation, const RuleSet& rules, std::uint32_t time,
              std::vector<Attributed>& out);
  void put_decided(const RuleSet& rules, std::vector<Attributed>& out);
  void make_room(const Record& except);
  void put(Record& record, RuleId rule, std::uint32_t count, std::uint64_t what, const RuleSet& rules,
           std::vector<Attributed>& out);
  // On a path that is not proven.
  void charge_nobody(Record& record, Event& event, const Rule& rule);
  [[nodiscard]] std::uint32_t beyond_free(Record& record, const Event& event, const Rule& rule);
  void tell_login(Record& record, RuleId rule, std::vector<Attributed>& out) const;
  [[nodiscard]] SavedRecord saved(Record& record);
  bool load(const SavedRecord& from, const std::vector<std::optional<RuleId>>& rules, std::uint32_t now);
  Record& obtain(std::uint32_t log, std::uint64_t session, std::uint32_t time);
  void move(Record& record, std::uint32_t time);
  void forget_if_old(const Event& event, std::uint32_t time);
  void forget(Record& record);
  std::uint64_t drop_waiting(Record& record);

  HashSeed seed;
  SessionTable table;
  SharedAccusations shared;
  std::uint64_t waiting = 0;
  std::uint64_t ambiguous = 0, ambiguous_milli = 0;  // but for those of `shared`
  std::uint64_t moved_milli = 0;
  bool begun = false;
  Now begin{};
  AttributionCounters counters;
};

}  // namespace coturn_guard
