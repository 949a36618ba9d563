// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/dating.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono;

namespace {

Deed doubtful(Deed::By by, std::int64_t before, std::int64_t told) {
  return {.by = by,
          .now = {steady_clock::time_point(milliseconds(before)),
                  system_clock::time_point(milliseconds(1'000'000 + before))},
          .uptime_seconds = before / 1000,
          .log = 7,
          .in_doubt = true,
          .told_milli = told};
}
std::int64_t mono(const Deed& deed) {
  return duration_cast<milliseconds>(deed.now.mono.time_since_epoch()).count();
}
std::int64_t wall(const Deed& deed) {
  return duration_cast<milliseconds>(deed.now.wall.time_since_epoch()).count();
}

}  // namespace

TEST_CASE("what was in doubt has its own time where that lies between its neighbours'", "[detect][clock]") {
  const Dating dating{.log = 7, .offset = -1'000'000, .latest = 60'000, .now = 60'000};
  for (const std::int64_t own : {5'000, 30'000, 60'000}) {
    Deed deed = doubtful(Deed::By::wall, 5'000, 1'000'000 + own);
    dating.date(deed);
    CHECK_FALSE(deed.in_doubt);
    CHECK(mono(deed) == own);
    CHECK(wall(deed) == 1'000'000 + own);
  }
  for (const std::int64_t own : {4'999, 60'001, 9'000'000}) {
    Deed deed = doubtful(Deed::By::wall, 5'000, 1'000'000 + own);
    dating.date(deed);
    CHECK_FALSE(deed.in_doubt);
    CHECK(mono(deed) == 5'000);
    CHECK(wall(deed) == 1'005'000);
  }
}

TEST_CASE("an uptime in doubt is dated as well, and another log's is left alone", "[detect][clock]") {
  const Dating dating{.log = 7, .offset = 0, .latest = 60'000, .now = 60'000};
  Deed deed = doubtful(Deed::By::uptime, 5'000, 31'000);
  Deed other = deed;
  other.log = 8;
  dating.date(deed);
  CHECK(mono(deed) == 31'000);
  CHECK(deed.uptime_seconds == 31);
  CHECK(wall(deed) == 1'031'000);
  dating.date(other);
  CHECK(other.in_doubt);
  CHECK(mono(other) == 5'000);
}
