// SPDX-License-Identifier: GPL-3.0-or-later
// One log told to a Pipeline record by record, with a clock of its own; who was banned is kept.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline.hpp"
#include "support/detect.hpp"

namespace coturn_guard::test {

class LogStory {
 public:
  explicit LogStory(Allowlist allowlist = {})
      : pipeline(make_recogniser(), Policy{}, {1, 2}, std::move(allowlist)) {
    pipeline.set_nat64({});
  }

  // "5: : …": so long after coturn's start as it is now.
  void says(std::string line) {
    if (line.find(": : ") == 1) {
      const auto seconds = std::chrono::floor<std::chrono::seconds>(now.mono.time_since_epoch()).count();
      line.replace(0, 1, std::to_string(seconds));
    }
    std::uint64_t& offset = offsets_[1];
    pipeline.take({.text = line, .stream = 1, .offset = offset}, now, outcome);
    offset += line.size() + 1;
    gather();
  }
  // A line of a backlog, each log in a stream of its own.
  void said(std::uint32_t log, std::chrono::seconds uptime, const std::string& what) {
    const std::string line = std::to_string(uptime.count()) + ": : " + what;
    std::uint64_t& offset = offsets_[log];
    pipeline.take({.text = line, .stream = log, .offset = offset, .log = log, .fresh = false}, now, outcome);
    offset += line.size() + 1;
    gather();
  }
  void ticks_behind() {
    pipeline.tick(now, false, outcome);
    gather();
  }
  void pass(std::chrono::seconds time) {
    for (; time.count() > 0; --time) {
      now.mono += std::chrono::seconds(1);
      now.wall += std::chrono::seconds(1);
      pipeline.tick(now, true, outcome);
      gather();
    }
  }
  void ends() {
    pipeline.finish(now, outcome);
    gather();
  }
  [[nodiscard]] bool banned(const std::string& prefix) const {
    return std::find(bans.begin(), bans.end(), prefix) != bans.end();
  }

  Pipeline pipeline;
  std::vector<std::string> bans;
  std::vector<std::string> reports;
  Now now{std::chrono::steady_clock::time_point(std::chrono::hours(1)), {}};

 private:
  void gather() {
    for (const Verdict& verdict : outcome.verdicts) bans.push_back(verdict.prefix.to_string());
    for (const Notice& notice : outcome.reports)
      reports.push_back(std::string(pipeline.rules().name(notice.rule)) + ' ' + notice.who());
    outcome.clear();
  }

  Outcome outcome;
  std::map<std::uint32_t, std::uint64_t> offsets_;  // by log
};

}  // namespace coturn_guard::test
