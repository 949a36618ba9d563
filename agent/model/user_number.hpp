// SPDX-License-Identifier: GPL-3.0-or-later
// A user as the judges know it: a number made from its name, with a seed. Names of the REST kind that differ
// in their time only are one user's (detect/rest_name). A name that is nothing but a time says of nobody who
// it is, and its owner has another one at each login: all such names share kBareTimes numbers, so that they
// count as so many users at most, and as none where a named user is asked for.
#pragma once

#include <cstdint>

namespace coturn_guard {

using UserNumber = std::uint64_t;  // 0: a user without a name

inline constexpr UserNumber kBareTimes = 10;  // the numbers 1 to 10

[[nodiscard]] constexpr bool is_named(UserNumber user) {
  return user > kBareTimes;
}

}  // namespace coturn_guard
