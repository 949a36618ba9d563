// SPDX-License-Identifier: GPL-3.0-or-later
#include "verdict_meter.hpp"

namespace coturn_guard {
namespace {

template <class Value>
Value& counted(std::map<std::string, Value, std::less<>>& by_name, std::string_view name) {
  if (const auto known = by_name.find(name); known != by_name.end()) return known->second;
  return by_name[by_name.size() < VerdictMeter::kMaxNames ? std::string(name) : "other"];
}

}  // namespace

void VerdictMeter::passed(const std::vector<Verdict>& verdicts, const RuleSet& rules, bool timed,
                          const Now& now) {
  ByEvidence* of_rule = nullptr;  // a storm is one rule's
  RuleId last = 0;
  for (const auto& verdict : verdicts) {
    if (of_rule == nullptr || verdict.rule != last) of_rule = &counted(verdicts_, rules.name(verdict.rule));
    last = verdict.rule;
    ++(*of_rule)[static_cast<std::size_t>(verdict.evidence)];
    durations_.add(static_cast<double>(verdict.duration.count()));
    if (!timed) continue;
    if (waiting_.size() < kMaxWaiting)
      waiting_.try_emplace(key_of(verdict.prefix), now.mono);  // of two, the one that waits longer
    else
      ++untimed_;
  }
}

void VerdictMeter::answered(const Prefix& prefix, Fate fate, Time now) {
  const auto waited = waiting_.find(key_of(prefix));
  if (waited == waiting_.end()) return;
  if (fate == Fate::enforced || fate == Fate::lengthened)
    line_to_kernel_.add(std::chrono::duration<double>(now - waited->second).count());
  waiting_.erase(waited);
}

void VerdictMeter::reported(RuleId rule, const RuleSet& rules) {
  ++counted(reports_, rules.name(rule));
}

}  // namespace coturn_guard
