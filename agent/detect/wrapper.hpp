// SPDX-License-Identifier: GPL-3.0-or-later
// What others put before coturn's record: syslog daemons, journalctl, container runtimes, supervisors, people
// who quote. It knows the shapes of times and names, and nothing of what follows.
#pragma once

#include <optional>
#include <string_view>

#include "detect/cursor.hpp"
#include "detect/record.hpp"

namespace coturn_guard {

struct Wrapped {
  Wrapper wrapper = Wrapper::none;
  std::string_view tag;    // whose line it is; empty where it does not say
  std::string_view stamp;  // its time, empty where it has none
};

// Eats the wrapper, or nothing.
[[nodiscard]] std::optional<Wrapped> take_wrapper(Cursor& cursor, LogTags tags);

}  // namespace coturn_guard
