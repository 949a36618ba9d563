// SPDX-License-Identifier: GPL-3.0-or-later
// `coturn-guard explain LINE|-`: prints what each line is to us (explanation.hpp), for people or as JSON, one
// object a line.
#pragma once

#include <string>
#include <vector>

#include "setup.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct ExplainOptions {
  // A line, which a shell may have parted at its blanks; "-": those of standard input.
  std::vector<std::string> words;
  bool json = false;
};

// False where no line is known to any rule. Fails where there is no line, or none can be read.
[[nodiscard]] Result<bool> explain_lines(const ExplainOptions& options, Setup setup);

}  // namespace coturn_guard
