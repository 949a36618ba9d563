// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/lasting_scale.hpp"

#include <limits>

#include "support/catch.hpp"

namespace coturn_guard {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Now at(std::chrono::steady_clock::duration mono, std::chrono::system_clock::duration wall) {
  return {std::chrono::steady_clock::time_point(mono), std::chrono::system_clock::time_point(wall)};
}

constexpr hours kDay{24};

}  // namespace

TEST_CASE("a first run's scale begins at its origin and counts milliseconds", "[model][scale]") {
  const LastingScale scale(at(seconds(5), kDay));
  CHECK(scale.at(at(seconds(5), kDay).mono) == kScaleOrigin);
  CHECK(scale.at(at(seconds(6), kDay).mono) == kScaleOrigin + 1000);
  CHECK(scale.moment(kScaleOrigin + 1000) == at(seconds(6), kDay).mono);
}

TEST_CASE("within a boot the steady clock alone says how long we were gone", "[model][scale]") {
  const Now then = at(seconds(100), 10 * kDay);
  const ScaleMark mark = LastingScale(then).mark("one", then);
  for (const auto wall : {10 * kDay, 20 * kDay, 0 * kDay}) {  // set by days, forwards and backwards
    const Now now = at(seconds(160), wall);
    CHECK(LastingScale(mark, "one", now).at(now.mono) == kScaleOrigin + 60'000);
  }
}

TEST_CASE("over a reboot the wall clock says it, and one that went back says nothing", "[model][scale]") {
  const Now then = at(seconds(100'000), 10 * kDay);
  const ScaleMark mark = LastingScale(then).mark("one", then);
  const Now later = at(seconds(20), 10 * kDay + hours(1));
  CHECK(LastingScale(mark, "two", later).at(later.mono) == kScaleOrigin + 3'600'000);
  const Now earlier = at(seconds(20), 3 * kDay);
  CHECK(LastingScale(mark, "two", earlier).at(earlier.mono) == kScaleOrigin);
  // Where no boot has a name each start is a reboot.
  CHECK(LastingScale(mark, "", later).at(later.mono) == kScaleOrigin + 3'600'000);
}

TEST_CASE("a boot whose clock stands before the mark is another one, whatever it is called",
          "[model][scale]") {
  const Now then = at(seconds(100'000), 10 * kDay);
  const ScaleMark mark = LastingScale(then).mark("one", then);
  const Now now = at(seconds(20), 10 * kDay + seconds(5));
  CHECK(LastingScale(mark, "one", now).at(now.mono) == kScaleOrigin + 5000);
}

TEST_CASE("a mark of any numbers makes a scale", "[model][scale]") {
  const Now now = at(seconds(20), 10 * kDay);
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t time : {kMost, -kMost, std::int64_t{0}}) {
    const ScaleMark mark{"one", time, time, std::numeric_limits<std::uint64_t>::max()};
    CHECK(LastingScale(mark, "one", now).at(now.mono) == kScaleEnd);
    CHECK(LastingScale(mark, "two", now).at(now.mono) == kScaleEnd);
  }
  const LastingScale scale(now);
  CHECK(scale.moment(std::numeric_limits<std::uint64_t>::max()) > now.mono);
}

}  // namespace coturn_guard
