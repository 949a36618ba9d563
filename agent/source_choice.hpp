// SPDX-License-Identifier: GPL-3.0-or-later
// File or journal? Debian's coturn logs to syslog as it is installed, an administrator's to a file, and some
// do both: exactly one is followed, so nothing counts twice. Facts in, choice out; asking for the facts is
// one call to look_at_journal().
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config.hpp"
#include "source/coturn_marks.hpp"
#include "source/journal_look.hpp"

namespace coturn_guard {

struct SourceChoice {
  std::string kind;                // for make_source()
  std::vector<std::string> names;  // for make_source()
  std::string sentence;            // what was taken and why, for the operator
  // False: nothing was found of a log yet, and what is followed is a guess. Look again after kLookAgain.
  bool settled = true;

  // Whether the same is followed.
  [[nodiscard]] bool follows_same_as(const SourceChoice& other) const {
    return kind == other.kind && names == other.names;
  }
};

inline constexpr std::chrono::seconds kLookAgain{60};

// `source` of the configuration decides; where that is `auto`: a log_file that the operator wrote, then what
// coturn's configuration says, then what stands in the journal.
[[nodiscard]] SourceChoice choose_source(const Config& config, const JournalLook& journal);

// By what the witness knows coturn among those that listen on its ports.
[[nodiscard]] CoturnTraces coturn_traces(const Config& config, const SourceChoice& choice);

}  // namespace coturn_guard
