// SPDX-License-Identifier: GPL-3.0-or-later
// What is left of bans that a backlog tells of. A ban begins with the offence that filled the measure, so one
// of hours ago may be over: then it counts in the ladder, as it does in a replay, and goes nowhere else. Of
// one that still runs the kernel gets the rest.
#pragma once

#include <vector>

#include "model/flow.hpp"

namespace coturn_guard {

// Takes out those that are over, and shortens the others. What was read as it was written is left whole.
[[nodiscard]] std::vector<Verdict> take_past(std::vector<Verdict>& verdicts, const Now& now);

}  // namespace coturn_guard
