// SPDX-License-Identifier: GPL-3.0-or-later
// Coturn's session number out of its 18 to 20 digits. Two sessions that differ only beyond 64 bits do not
// occur: the number is thread * 10^15 + counter (get_session_id in ns_turn_server.c).
#pragma once

#include <cstdint>
#include <string_view>

#include "detect/digits.hpp"

namespace coturn_guard {

// Of no digits: 0, which is no session's (they count from 1).
inline std::uint64_t session_number(std::string_view digits) {
  std::uint64_t number = 0;
  for (; digits.size() >= kDigitsAtOnce; digits.remove_prefix(kDigitsAtOnce))
    number = number * 100'000'000 + number_of_digits(word_of(digits.data()));
  for (const char c : digits) number = number * 10 + static_cast<std::uint64_t>(c - '0');
  return number;
}

}  // namespace coturn_guard
