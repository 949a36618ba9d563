// SPDX-License-Identifier: GPL-3.0-or-later
// What the daemon tells the operator of what it decided and saw, in the journal's words. It decides nothing
// and holds only what was told already, so that a thing is told once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bans/bans.hpp"
#include "config.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/gate_rule.hpp"
#include "pipeline.hpp"
#include "source/gate.hpp"
#include "source/source.hpp"
#include "source/witness.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class Announcer {
 public:
  explicit Announcer(Log& log) : log_(log) {}

  // `simulated`: nobody is really banned.
  void ban_changed(const BanChange& change, bool simulated, const Now& now);
  // Bans that were over before they were due: a backlog told of them.
  void past_bans(const std::vector<Verdict>& verdicts, const RuleSet& rules, const Now& now);
  void reports(const std::vector<Notice>& reports, const RuleSet& rules, const Now& now);
  void quenches(const std::vector<Quench>& quenches, const Now& now);
  // Once a minute, where the gate dropped something since; `last`: it closes.
  void gate_totals(const Pipeline& pipeline, const GateCounters& gate, const GateRuleCounters& rule,
                   bool last, const Now& now);
  void witness(const WitnessState& state, const Now& now);
  // What an edge says of itself.
  void notice(const EnforcerNotice& notice);
  void notice(const SourceNotice& notice);
  // The end, with what was counted of forgery and of what could not be told: `overflows` of the witness.
  void stopped(const Pipeline& pipeline, std::size_t bans, std::uint64_t overflows, const Now& now);
  // Once a second: what the counters show for the first time.
  void look(const Pipeline& pipeline, const Now& now);

 private:
  void ban_stands(const BanChange& change, bool simulated, const Now& now);
  void ban_refused(const BanRecord& record, const Now& now);
  void ban_ended(const BanChange& change, const Now& now);
  void warn_of_forgery(const Pipeline& pipeline, const Now& now);
  void warn_of_foreign_log(const DetectCounters& seen, const Now& now);
  void tell_missing_witness(const DetectCounters& seen, const Now& now);
  void tell_gateway(const Pipeline& pipeline, const Now& now);

  Log& log_;
  std::uint64_t judged_lines_ = 0;       // lines when the recognised share was last looked at
  std::uint64_t judged_recognised_ = 0;  // and how many of them were recognised
  bool warned_of_taint_ = false;
  bool warned_of_refuted_ = false;
  bool warned_of_unrecognised_ = false;
  WitnessState witness_;
  std::optional<std::chrono::steady_clock::time_point> missed_since_;  // lines come, and no witness
  bool told_missing_witness_ = false;
  bool warned_of_behind_ = false;
  // Whether one more by hand is told. A list of thousands must not use up what rules' bans may write; the
  // request tells how many there were (control.request).
  [[nodiscard]] bool tells_by_hand(const Now& now);
  double by_hand_ = 0;  // that may be told at once
  std::chrono::steady_clock::time_point by_hand_filled_{};
  std::uint64_t made_room_ = 0;                               // bans that were ended for others, in all
  std::chrono::steady_clock::time_point next_room_notice_{};  // when that may be told again
  double answer_bytes_ = 0;  // of coturn's for each request of the last quench, about
  std::uint64_t told_dropped_ = 0;
  std::uint64_t told_uninspected_ = 0;
  bool told_gate_behind_ = false;
  std::chrono::steady_clock::time_point told_totals_{};
  std::optional<Prefix> told_gateway_;
};

}  // namespace coturn_guard
