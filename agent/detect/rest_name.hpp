// SPDX-License-Identifier: GPL-3.0-or-later
// User names of the REST kind: the time until which they are good, in seconds since 1970, alone or before a
// colon and a name (draft-uberti-behave-turn-rest-00, 2.2; coturn's use-auth-secret).
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace coturn_guard {

// Absent: it is a name of another kind. Nine to eleven digits: 1973 to 5138.
[[nodiscard]] inline std::optional<std::chrono::seconds> good_until(std::string_view user) {
  const std::size_t digits = user.find(':') == std::string_view::npos ? user.size() : user.find(':');
  if (digits < 9 || digits > 11) return std::nullopt;
  std::chrono::seconds::rep until = 0;
  for (const char c : user.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    until = until * 10 + (c - '0');
  }
  return std::chrono::seconds(until);
}

}  // namespace coturn_guard
