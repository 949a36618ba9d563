// SPDX-License-Identifier: GPL-3.0-or-later
// Reads rules/*.yaml into a RuleBook. Strict: unknown keys, bad patterns, an example that does not match and
// a counterexample that does are errors, all of them told at once as "file:line:column: what".
#pragma once

#include <string>
#include <string_view>

#include "detect/rule.hpp"
#include "util/problems.hpp"
#include "util/result.hpp"

namespace coturn_guard {

[[nodiscard]] tl::expected<RuleBook, Problems> parse_rules(std::string_view yaml, std::string_view file_name);
[[nodiscard]] tl::expected<RuleBook, Problems> load_rules(const std::string& file_name);

}  // namespace coturn_guard
