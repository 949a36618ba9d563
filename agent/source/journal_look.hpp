// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the journal once what coturn's units wrote there, for who has to choose between a file and
// the journal (source_choice.hpp, doctor). It follows nothing.
#pragma once

#include <string>
#include <vector>

#include "source/journal_reader.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct JournalLook {
  JournalAccess access = JournalAccess::absent;
  bool has_syslog = false;           // there is a message of the units' by syslog(3)
  bool has_standard_output = false;  // there is a line of their standard output
};

// An index look-up for each file of the journal, however long it is. Fails where a journal that may be read
// cannot be.
[[nodiscard]] Result<JournalLook> look_at_journal(const std::vector<std::string>& units);

}  // namespace coturn_guard
