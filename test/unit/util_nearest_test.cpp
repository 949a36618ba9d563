// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/nearest.hpp"

#include <array>
#include <string>

#include "support/catch.hpp"

using coturn_guard::nearest;

namespace {
constexpr std::array<std::string_view, 4> kWords{"bantime", "bantime_max", "findtime", "maxretry"};
}

TEST_CASE("a mistyped word finds its neighbour", "[util][nearest]") {
  CHECK(nearest("bantme", kWords) == "bantime");
  CHECK(nearest("max_retry", kWords) == "maxretry");
  CHECK(nearest("fnidtime", kWords) == "findtime");
  CHECK(nearest("bantime-max", kWords) == "bantime_max");
}

TEST_CASE("a word that resembles nothing has no neighbour", "[util][nearest]") {
  CHECK(nearest("colour", kWords).empty());
  CHECK(nearest("", kWords).empty());
  CHECK(nearest(std::string(100'000, 'b'), kWords).empty());
}

TEST_CASE("among equally near words the first wins", "[util][nearest]") {
  constexpr std::array<std::string_view, 2> words{"port", "sort"};
  CHECK(nearest("xort", words) == "port");
}
