// SPDX-License-Identifier: GPL-3.0-or-later
// A slow, simple ledger that keeps every offence: what the real one answers is held against it. Where the
// real one remembers exactly (up to eight moments of one network), both must agree; where it had to join, it
// may only be milder, and by no more than two sevenths of the window. It has no limit of addresses: give the
// real one room for all.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "judge/ladder.hpp"
#include "judge/ledger.hpp"
#include "judge/window.hpp"

namespace coturn_guard::test {

class LedgerOracle {
 public:
  explicit LedgerOracle(Policy policy) : policy_(std::move(policy)) {}

  // What was counted leaves no later than it was to leave under the old findtime.
  void set_policy(const Policy& policy) {
    if (policy.findtime > policy_.findtime)
      for (auto& [unit, history] : histories_) history.shift_back(ms(policy.findtime - policy_.findtime));
    policy_ = policy;
  }

  // What is wrong with the real ledger's answer to this offence; empty where nothing is. Takes the answer
  // over where both answers are allowed, so that the two histories stay together.
  // `window`: how long the offence counts, as the real one was told.
  std::string check(const Offence& offence, std::int64_t now_ms, const std::optional<Verdict>& answer,
                    std::chrono::seconds window = {}) {
    if (offence.evidence == Evidence::spoofable || offence.evidence == Evidence::tainted ||
        offence.points.milli <= 0)
      return answer ? "a verdict for what must not be judged" : "";
    latest_ms_ = std::max(latest_ms_, now_ms);
    const Prefix prefix(offence.address, offence.address.is_v4() ? policy_.ipv4_prefix : policy_.ipv6_prefix);
    History& history = histories_[prefix];
    const bool banned = latest_ms_ < history.banned_until_ms;
    const std::int64_t memory_ms = std::max(ms(policy_.forget_after), 3 * ms(history.last_ban));
    if (!banned && history.earlier_bans > 0 && latest_ms_ - history.last_seen_ms >= memory_ms)
      history.earlier_bans = 0;
    history.last_seen_ms = latest_ms_;
    if (banned) return answer ? "a verdict while the ban runs" : "";

    const Points weight = weigh(offence.points, policy_, history.earlier_bans);
    std::erase_if(history.points,
                  [&](const auto& each) { return latest_ms_ - each.first >= ms(policy_.findtime); });
    if (history.points.empty()) history.joined = false;
    const bool narrow = window.count() > 0 && window < policy_.findtime;
    history.points[latest_ms_ - (narrow ? ms(policy_.findtime - window) : 0)] += weight.milli;
    if (history.points.size() > Window::kSlots) history.joined = true;

    std::int64_t all = 0, recent = 0;
    for (const auto& [time_ms, milli] : history.points) {
      all += milli;
      if (latest_ms_ - time_ms < ms(policy_.findtime) - ms(policy_.findtime) * 2 / (Window::kSlots - 1))
        recent += milli;
    }
    if (!answer) {
      if (!history.joined && all >= policy_.maxretry.milli) return "no verdict although the measure is full";
      if (recent >= policy_.maxretry.milli)
        return "no verdict although five sevenths of the window fill the measure";
      return "";
    }
    if (all < policy_.maxretry.milli) return "a verdict although the measure is not full";
    if (answer->points.milli > all) return "more points than there were";
    if (!history.joined && answer->points.milli != all) return "not the points that there were";
    if (answer->prefix != prefix) return "a verdict on somebody else";
    if (answer->earlier_bans != history.earlier_bans) return "not the bans that there were";
    if (answer->duration != ban_duration(policy_, history.earlier_bans)) return "not the ladder's duration";
    history.points.clear();
    history.joined = false;
    history.banned_until_ms = latest_ms_ + ms(answer->duration);
    history.last_ban = answer->duration;
    ++history.earlier_bans;
    return "";
  }

  void forgive(const Prefix& prefix, bool ladder) {
    for (auto& [unit, history] : histories_) {
      if (!prefix.overlaps(unit)) continue;
      if (ladder)
        history = History{};
      else
        history.forgive();
    }
  }

 private:
  struct History {
    std::map<std::int64_t, std::int64_t>
        points;  // by the moment in ms; earlier by what its window is narrower
    bool joined = false;
    std::uint32_t earlier_bans = 0;
    std::int64_t banned_until_ms = 0, last_seen_ms = 0;
    std::chrono::seconds last_ban{};

    void shift_back(std::int64_t by_ms) {
      std::map<std::int64_t, std::int64_t> earlier;
      for (const auto& [moment, milli] : points) earlier[moment - by_ms] = milli;
      points = std::move(earlier);
    }

    void forgive() {
      points.clear();
      joined = false;
      banned_until_ms = 0;
    }
  };

  static std::int64_t ms(std::chrono::seconds duration) { return duration.count() * 1000; }

  Policy policy_;
  std::map<Prefix, History> histories_;
  std::int64_t latest_ms_ = 0;
};

}  // namespace coturn_guard::test
