// SPDX-License-Identifier: GPL-3.0-or-later
// Catch2 v2 (Debian 12) and v3 (Debian 13) under one name.
#pragma once

#include <string>

#ifdef CATCH3
#include <catch2/catch_all.hpp>
using Catch::Approx;  // as v2 has it
#else
#include <catch2/catch.hpp>
#endif

namespace coturn_guard {

// CHECK_THAT(text, contains_text("…")): the matcher has another name in each of the two.
inline auto contains_text(const std::string& part) {
#ifdef CATCH3
  return Catch::Matchers::ContainsSubstring(part);
#else
  return Catch::Matchers::Contains(part);
#endif
}

}  // namespace coturn_guard
