// SPDX-License-Identifier: GPL-3.0-or-later
// `coturn-guard replay`: who would have been banned when, why and for how long, for people or as JSON, one
// object a line. `why` prints its offences and bans in the same words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json_line.hpp"
#include "replay.hpp"

namespace coturn_guard {

struct ReplayOptions {
  std::vector<std::string> files;  // "-": standard input
  bool json = false;
  bool offences = false;  // each offence, too, not only bans
};

[[nodiscard]] Result<> replay_logs(const ReplayOptions& options, Setup setup);

// {"event":"ban",...} and {"event":"offence",...}
[[nodiscard]] Json json_of(const Verdict& verdict, const RuleSet& rules, std::string_view time);
[[nodiscard]] Json json_of(const Judged& judged, const Ledger& ledger, const RuleSet& rules,
                           std::string_view time);
[[nodiscard]] std::string text_of(const Verdict& verdict, const RuleSet& rules, std::string_view time);
[[nodiscard]] std::string text_of(const Judged& judged, const RuleSet& rules, std::string_view time);
// "logged in within the hour (3 users)"; empty where there is none.
[[nodiscard]] Json json_of(const Standing& standing);
[[nodiscard]] std::string text_of(const Standing& standing);

}  // namespace coturn_guard
