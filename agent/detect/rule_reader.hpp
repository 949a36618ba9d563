// SPDX-License-Identifier: GPL-3.0-or-later
// One rule file: YAML -> its rules and forgeable texts, with every mistake that shows in the file alone. That
// the rules prove themselves, and how several files become one book, is rule_proof's and rule_file's.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "detect/rule.hpp"
#include "detect/rule_proof.hpp"
#include "util/problems.hpp"

namespace coturn_guard {

enum class RuleFileKind : std::uint8_t {
  main,   // has rules and forgeable texts
  added,  // an operator's: has some of either
};

struct RuleDocument {
  RuleBook book;
  std::vector<RulePlaces> places;  // beside book.rules
  Problems problems;               // where there are any, the rest is incomplete
};

inline constexpr std::size_t kMaxRuleFileBytes = 1 << 20;

[[nodiscard]] RuleDocument read_rules(std::string_view yaml, std::string_view file_name, RuleFileKind kind);

}  // namespace coturn_guard
