// SPDX-License-Identifier: GPL-3.0-or-later
// What coturn says first when it starts: the lines that mean a new process, and its version.
#pragma once

#include <string_view>

namespace coturn_guard {

inline constexpr std::size_t kMaxVersionBytes = 32;

// The first line of a log file. Also after a rotation, so that it says nothing about the process.
[[nodiscard]] inline bool opens_log(std::string_view message) {
  return message.starts_with("log file opened: ");
}

// The version that a banner tells ("4.6.1"), empty where it is none. `text` is a record's message or, up to
// 4.6.1, whose banner holds newlines, a line without prefix; where the source makes newlines blanks, all of
// it (print_features() in coturn's mainrelay.c).
[[nodiscard]] std::string_view banner_version(std::string_view text);

// Whether that needs to be asked at all: nearly every line begins with another letter.
[[nodiscard]] inline bool may_be_banner(std::string_view text) {
  return !text.empty() &&
         (text.front() == 'V' || text.front() == 'C' || text.front() == 'R' || text.front() == ' ');
}

}  // namespace coturn_guard
