// SPDX-License-Identifier: GPL-3.0-or-later
// User names of the REST kind: the time until which they are good, in seconds since 1970, alone or before a
// colon and a name (draft-uberti-behave-turn-rest-00, 2.2; coturn's use-auth-secret). Coturn also takes the
// time behind the name, and any character for the colon (rest-api-separator).
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

// What stays of a name from one login to the next: the name without its time. A bare time has nothing that
// stays: it is given back empty. A name of another kind is given back whole.
[[nodiscard]] inline std::string_view lasting_name(std::string_view user) {
  constexpr std::size_t kFewest = 9, kMost = 11;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto separates = [&](char c) {
    return !is_digit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c > ' ' && c < 0x7f;
  };
  std::size_t ahead = 0, behind = 0;
  while (ahead < user.size() && is_digit(user[ahead])) ++ahead;
  if (ahead == user.size()) return ahead >= kFewest && ahead <= kMost ? std::string_view() : user;
  if (ahead >= kFewest && ahead <= kMost && separates(user[ahead]))
    return user.substr(ahead + 1);                            // "1767225600:" is a bare time, too
  while (is_digit(user[user.size() - 1 - behind])) ++behind;  // not all of it is digits
  const std::size_t rest = user.size() - behind;
  if (behind >= kFewest && behind <= kMost && separates(user[rest - 1])) return user.substr(0, rest - 1);
  return user;
}

}  // namespace coturn_guard
