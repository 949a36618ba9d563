// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/fresh.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

TEST_CASE("a line is fresh for a second and a half, and never when it comes from the future",
          "[source][fresh]") {
  const auto since = std::chrono::steady_clock::time_point(10s);
  const auto at = [](std::chrono::milliseconds mono) {
    return Now{std::chrono::steady_clock::time_point(mono), {}};
  };
  CHECK(is_fresh(since, at(10s)));
  CHECK(is_fresh(since, at(11'500ms)));
  CHECK_FALSE(is_fresh(since, at(11'501ms)));
  CHECK_FALSE(is_fresh(since, at(9'999ms)));
}
