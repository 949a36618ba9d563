// SPDX-License-Identifier: GPL-3.0-or-later
// Does coturn itself write a log file, each record at once? coturn writes a record with one write(2) (one
// fprintf and one fflush in ns_turn_utils.c, every version), so whoever saw the end of its file right behind
// a line knows that the record is over. A program in between (a shell's loop, tee, svlogd) may write line by
// line, and then an attacker's second line would look like a record of its own; so this must be known, not
// guessed. It reads no log.
#pragma once

#include <cstdint>

#include "source/rotation.hpp"

namespace coturn_guard {

enum class LogWriter : std::uint8_t {
  unknown,  // nothing shows that it is coturn, as yet
  coturn,
  other,  // a file system whose files can show a write in pieces: another machine's, or of a kind not known
};

// `configured`: coturn's own configuration names this file as its log. Else a process of the name turnserver
// must hold the file open for writing, as a file of its own and not as its standard output (which coturn does
// not flush for each record). Only root sees other users' open files: without that right it stays unknown.
[[nodiscard]] LogWriter writer_of(int fd, const FileIdentity& identity, bool configured);

}  // namespace coturn_guard
