// SPDX-License-Identifier: GPL-3.0-or-later
// What one line of a log is to us, judged alone, without the lines before it: which record, which rule or why
// none, whose doing, what it costs and when that is a ban. Values in, values out; explain.cpp prints them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config.hpp"
#include "detect/recogniser.hpp"
#include "detect/record.hpp"
#include "judge/allowlist.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

// A rule that nearly knew the line, and what was missing.
struct NearMiss {
  std::string rule;  // empty: no rule begins like it
  std::string why;
};
[[nodiscard]] NearMiss nearest_rule(const RuleSet& rules, const Record& record);

// So many such offences in a row fill the measure.
struct Measure {
  std::uint32_t offences = 0;  // 0: never
  std::chrono::seconds ban{};
};
// `different`: each is about another user, peer or session, else all about the same one.
[[nodiscard]] Measure fill_measure(const Rule& rule, const Event& event, const Policy& policy,
                                   bool different);

struct Explanation {
  std::string line;                  // its own text, as borrowed ones would not outlive it
  std::optional<LineFormat> format;  // absent: no record of coturn's
  std::string time, session, message;
  std::uint32_t wrapper_bytes = 0;
  std::uint32_t taints_bytes = 0;  // of what follows: text of an attacker's may reach that far
  std::optional<RuleId> rule;
  NearMiss near_miss;  // where no rule
  std::optional<Endpoint> client, local;
  std::optional<Address> peer;
  std::string user;
  Evidence evidence = Evidence::claimed;
  std::uint32_t count = 1;
  std::string never_judged;  // why its client is spared
  Measure alike, different;  // where it is an offence that counts
};

// The recogniser remembers streams: explain() uses one of its own for each line.
class Explainer {
 public:
  Explainer(Recogniser recogniser, TimeFormat time_format, const Config& config);
  [[nodiscard]] Explanation explain(std::string_view line, const Now& now);
  [[nodiscard]] const RuleSet& rules() const { return recogniser_.rules(); }

 private:
  void judge(const Event& event, Explanation& made) const;

  Recogniser recogniser_;
  TimeFormat time_format_;
  std::vector<std::string> tags_;
  Policy policy_;
  Allowlist allowlist_;
  StreamId stream_ = 0;
};

}  // namespace coturn_guard
