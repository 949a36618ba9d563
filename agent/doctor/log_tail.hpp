// SPDX-License-Identifier: GPL-3.0-or-later
// The last lines of a log, from a file or from the journal, and what they have in common. Reads a bounded end
// of it and follows nothing.
#pragma once

#include <string>
#include <vector>

#include "detect/rule_set.hpp"
#include "detect/time_format.hpp"
#include "doctor/facts.hpp"
#include "util/result.hpp"

namespace coturn_guard::doctor {

// At most kTailLines of a file's last 4 MiB; of a Docker log the container's.
[[nodiscard]] Result<std::vector<std::string>> last_lines(const std::string& path);
// The same of what coturn's units wrote into the journal.
[[nodiscard]] Result<std::vector<std::string>> last_entries(const std::vector<std::string>& units,
                                                            JournalTransport transport);

// `rules` know which lines name a client.
[[nodiscard]] LogTail look_at_lines(const std::vector<std::string>& lines, const RuleSet& rules,
                                    const TimeFormat& timestamp_format);

}  // namespace coturn_guard::doctor
