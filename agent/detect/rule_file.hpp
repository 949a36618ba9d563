// SPDX-License-Identifier: GPL-3.0-or-later
// Reads rule files into a RuleBook: the shipped one, and the operator's own beside it. Strict: unknown keys,
// bad patterns, an example that does not match and a counterexample that does are errors, all of them told at
// once as "file:line:column: what".
#pragma once

#include <string>
#include <string_view>

#include "detect/rule.hpp"
#include "util/problems.hpp"
#include "util/result.hpp"

namespace coturn_guard {

inline constexpr std::size_t kMaxRuleFiles = 100;  // of an operator's

[[nodiscard]] tl::expected<RuleBook, Problems> parse_rules(std::string_view yaml, std::string_view file_name);

// `directory` holds an operator's own files, NAME.yaml, taken in the order of their names; it need not exist,
// and empty there is none. A rule in them replaces the one of the same name, where that stands; others are
// asked before all of the main file, so that the operator's own have a line first. Forgeable texts are added.
// The examples of all files are checked against all rules.
[[nodiscard]] tl::expected<RuleBook, Problems> load_rules(const std::string& main_file,
                                                          const std::string& directory = "");

}  // namespace coturn_guard
