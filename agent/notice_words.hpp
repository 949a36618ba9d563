// SPDX-License-Identifier: GPL-3.0-or-later
// What the operator is told of a Notice, in the same words in the journal, by replay and to who watches.
#pragma once

#include <string>

#include "detect/rule_set.hpp"
#include "pipeline.hpp"

namespace coturn_guard {

[[nodiscard]] std::string text_of(const Notice& notice, const RuleSet& rules);
[[nodiscard]] std::string remedy_of(const Notice& notice, const RuleSet& rules);

}  // namespace coturn_guard
