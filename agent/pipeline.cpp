// SPDX-License-Identifier: GPL-3.0-or-later
#include "pipeline.hpp"

#include <algorithm>
#include <limits>

namespace coturn_guard {
namespace {

// "message repeated 4000000000 times" must not overflow: no `maxretry` is as high as this.
Points times(Points points, std::uint32_t count) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max() / 2;
  return {static_cast<std::int32_t>(std::min(std::int64_t{points.milli} * count, kMost))};
}

}  // namespace

Pipeline::Pipeline(Recogniser recogniser, Ledger ledger, Allowlist allowlist)
    : recogniser_(std::move(recogniser)),
      allowlist_(std::move(allowlist)),
      ledger_(std::move(ledger)),
      by_rule_(recogniser_.rules().rules().size()) {}

std::optional<Verdict> Pipeline::take(const Line& line, const Now& now) {
  const auto event = recognise(line);
  return event ? judge(*event, now) : std::nullopt;
}

std::optional<Verdict> Pipeline::judge(const Event& event, const Now& now) {
  by_rule_[event.rule][static_cast<std::size_t>(event.evidence)] += event.count;
  if (event.points.milli == 0) {
    counted_.switched_off += event.count;
    return std::nullopt;
  }
  // An attacker beside us, in our own /64, must not be safe there; nor may his ban reach us.
  const bool alone = allowlist_.spares(ledger_.prefix_of(event.client->address)).has_value();
  if (alone && allowlist_.spares(Prefix(event.client->address, kWholeAddress))) {
    counted_.spared += event.count;
    return std::nullopt;
  }
  return ledger_.record({.address = event.client->address,
                         .rule = event.rule,
                         .points = times(event.points, event.count),
                         .evidence = event.evidence,
                         .alone = alone},
                        now);
}

void Pipeline::set_rules(RuleSet rules) {
  counted_ = counters();  // rule numbers mean other rules from here on
  recogniser_.set_rules(std::move(rules));
  by_rule_.assign(recogniser_.rules().rules().size(), {});
}

PipelineCounters Pipeline::counters() const {
  PipelineCounters all = counted_;
  for (std::size_t rule = 0; rule < by_rule_.size(); ++rule) {
    for (std::size_t kind = 0; kind < kEvidenceKinds; ++kind) {
      if (by_rule_[rule][kind] == 0) continue;
      const std::string name(recogniser_.rules().name(static_cast<RuleId>(rule)));
      all.offences[{name, static_cast<Evidence>(kind)}] += by_rule_[rule][kind];
    }
  }
  return all;
}

}  // namespace coturn_guard
