// SPDX-License-Identifier: GPL-3.0-or-later
// Short words for tests of the judge: an offence, an address, a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "model/flow.hpp"
#include "util/siphash.hpp"

namespace coturn_guard::test {

inline constexpr HashSeed kSeed{1, 2};

inline Now at(std::chrono::milliseconds since_start) {
  return {std::chrono::steady_clock::time_point(since_start),
          std::chrono::system_clock::time_point(since_start)};
}

inline Now at_ms(std::int64_t since_start) {
  return at(std::chrono::milliseconds(since_start));
}

inline Offence offence(Address address, std::int32_t milli = 1000, Evidence evidence = Evidence::claimed) {
  return {.address = address, .rule = 7, .points = {milli}, .evidence = evidence};
}

inline Offence offence(std::string_view address, std::int32_t milli = 1000,
                       Evidence evidence = Evidence::claimed) {
  return offence(Address::parse(address).value(), milli, evidence);
}

}  // namespace coturn_guard::test
