// SPDX-License-Identifier: GPL-3.0-or-later
// What the metrics tell of verdicts: by which rule and evidence, how long the bans are, and how long it took
// from the arrival of what decided one until the kernel had it. Bounded: beyond that a verdict is counted and
// not timed. It passes no verdict on.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "detect/rule_set.hpp"
#include "enforce/enforcer.hpp"
#include "model/flow.hpp"
#include "model/recent_table.hpp"
#include "util/distribution.hpp"

namespace coturn_guard {

class VerdictMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxWaiting = 65'536;
  static constexpr std::size_t kMaxNames = 2048;  // of rules; reloads may bring others
  // 100 µs … 10 s.
  static constexpr std::array kKernelBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                            0.05,   0.1,     0.25,   0.5,   1.0,    2.5,   5.0,  10.0};
  // A minute, an hour, a day, a week, and the usual greatest.
  static constexpr std::array kBanBounds{60.0,    300.0,    900.0,    3600.0,    21600.0,
                                         86400.0, 259200.0, 604800.0, 1209600.0, 3024000.0};

  explicit VerdictMeter(const HashSeed& seed) : waiting_(0, EndpointHash{seed}) {}

  // Before they go to the enforcer. `now`: when the batch came that led to them. `timed`: a kernel will
  // answer, and somebody wants to know when.
  void passed(const std::vector<Verdict>& verdicts, const RuleSet& rules, bool timed, const Now& now);
  // The kernel's answer.
  void answered(const Prefix& prefix, Fate fate, Time now);
  void reported(RuleId rule, const RuleSet& rules);
  // Nobody will answer any more: the enforcer is another one.
  void forget_waiting() { waiting_.clear(); }

  using ByEvidence = std::array<std::uint64_t, 4>;  // by Evidence
  [[nodiscard]] const std::map<std::string, ByEvidence, std::less<>>& verdicts() const { return verdicts_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& reports() const { return reports_; }
  [[nodiscard]] const Distribution& line_to_kernel() const { return line_to_kernel_; }
  [[nodiscard]] const Distribution& durations() const { return durations_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::uint64_t untimed() const { return untimed_; }

 private:
  // Its length stands for the port: the table's hash is the one for endpoints.
  [[nodiscard]] static Endpoint key_of(const Prefix& prefix) {
    return {prefix.network(), static_cast<std::uint16_t>(prefix.length())};
  }

  std::unordered_map<Endpoint, Time, EndpointHash> waiting_;
  std::map<std::string, ByEvidence, std::less<>> verdicts_;
  std::map<std::string, std::uint64_t, std::less<>> reports_;
  Distribution line_to_kernel_{kKernelBounds};
  Distribution durations_{kBanBounds};
  std::uint64_t untimed_ = 0;
};

}  // namespace coturn_guard
