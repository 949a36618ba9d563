// SPDX-License-Identifier: GPL-3.0-or-later
// Rules prove themselves, in the company of the others: every example goes to its own rule (one that an
// earlier rule takes away does not), no counterexample does, every literal is shown by an example, and the
// rules they pass lines on to are there. It reads no file.
#pragma once

#include <string>
#include <vector>

#include "detect/rule.hpp"
#include "util/problems.hpp"

namespace coturn_guard {

// Where a rule's parts stand ("file:line:column"), for the mistakes that only show when all are there.
struct RulePlaces {
  std::string rule;
  std::vector<std::string> begins, ends, examples, counterexamples;
};

// `places` stands beside `book.rules`.
[[nodiscard]] Problems prove(const RuleBook& book, const std::vector<RulePlaces>& places);

}  // namespace coturn_guard
