// SPDX-License-Identifier: GPL-3.0-or-later
// The whole journey in one place: Line -> Event -> Offence -> Verdict. Pure: the daemon and `replay` run the
// same object, one with the real clock, the other with the log's. It counts what it saw; it tells nobody and
// bans nobody.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "detect/recogniser.hpp"
#include "judge/allowlist.hpp"
#include "judge/ledger.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

struct PipelineCounters {
  std::map<std::pair<std::string, Evidence>, std::uint64_t> offences;  // by rule name and evidence
  std::uint64_t spared = 0;        // offences of addresses that are never judged
  std::uint64_t switched_off = 0;  // events of rules that the operator gave 0 points
};

class Pipeline {
 public:
  Pipeline(Recogniser recogniser, Ledger ledger, Allowlist allowlist);

  // Absent is the normal case: the line says nothing, or not yet enough.
  [[nodiscard]] std::optional<Verdict> take(const Line& line, const Now& now);
  // The journey's two halves, for who learns the time from the line itself (replay).
  [[nodiscard]] std::optional<Event> recognise(const Line& line) { return recogniser_.take(line); }
  [[nodiscard]] std::optional<Verdict> judge(const Event& event, const Now& now);

  // New rules for what comes; what is known of the streams and of the addresses stays.
  void set_rules(RuleSet rules);
  [[nodiscard]] Recogniser& recogniser() { return recogniser_; }
  [[nodiscard]] const Recogniser& recogniser() const { return recogniser_; }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] Allowlist& allowlist() { return allowlist_; }
  [[nodiscard]] PipelineCounters counters() const;

 private:
  static constexpr std::size_t kEvidenceKinds = 4;
  using ByEvidence = std::array<std::uint64_t, kEvidenceKinds>;

  Recogniser recogniser_;
  Allowlist allowlist_;
  Ledger ledger_;
  std::vector<ByEvidence> by_rule_;  // indexed by RuleId: the hot path touches no map
  PipelineCounters counted_;         // all but by_rule_
};

}  // namespace coturn_guard
