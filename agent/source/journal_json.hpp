// SPDX-License-Identifier: GPL-3.0-or-later
// One line of `journalctl -o json`, as the line that journalctl -o short-iso would have printed: so whatever
// reads the one reads the other. For logs that people saved; the daemon reads the journal itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coturn_guard {

struct JournalText {
  std::string text;
  bool whole = false;  // syslog(3) brought it: a newline in it is the record's own (Line::whole)
};
// Absent: it is no such object.
[[nodiscard]] std::optional<JournalText> decode_journal_line(std::string_view line);

}  // namespace coturn_guard
