// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/time_reader.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono;

namespace {

std::int64_t milli(sys_time<milliseconds> moment) {
  return moment.time_since_epoch().count();
}
constexpr auto kNoon = sys_days(2026y / November / 22) + 12h;

// Berlin's in 2026: one hour ahead, two from the 29th of March to the 25th of October, each at 01:00 UTC.
std::int32_t berlin(std::int64_t moment) {
  const auto spring = (sys_days(2026y / March / 29) + 1h).time_since_epoch() / 1s;
  const auto autumn = (sys_days(2026y / October / 25) + 1h).time_since_epoch() / 1s;
  return moment >= spring && moment < autumn ? 7200 : 3600;
}

TimeReader reader(const std::string& format = "", LocalZone zone = nullptr) {
  auto made = TimeReader::create(format);
  REQUIRE(made);
  made->set_zone(zone);
  return *made;
}

}  // namespace

TEST_CASE("the wall clock of whoever wrapped the line is its time, else coturn's, else its uptime",
          "[detect][time]") {
  const auto near = milli(kNoon);
  const TimeReader times = reader();
  CHECK(times.read("2026-11-22T12:15:03.250123+01:00", "37", near, true) ==
        Reading{Reading::Kind::wall, milli(kNoon - 1h + 15min + 3s + 250ms), 3600});
  CHECK(times.read("2026-11-22T12:15:03Z", "37", near, true).milli == milli(kNoon + 15min + 3s));
  CHECK(times.read("Nov 22 12:15:03", "37", near, true).milli == milli(kNoon + 15min + 3s));
  CHECK(times.read("Nov  2 12:15:03", "37", near, true).milli == milli(kNoon - 20 * 24h + 15min + 3s));
  CHECK(times.read("", "37", near, true) == Reading{Reading::Kind::uptime, 37'000, 0});
  CHECK(times.read("", "2026-11-22T12:15:03.581-0530", near, true) ==
        Reading{Reading::Kind::wall, milli(kNoon + 5h + 45min + 3s + 581ms), -19'800});
  CHECK(times.read("", "2026-11-22T12:15:03+0000", near, true).milli == milli(kNoon + 15min + 3s));
  CHECK(times.read("", "4294967290", near, true).kind == Reading::Kind::none);
  CHECK(times.read("", "no time", near, true).kind == Reading::Kind::none);
  CHECK(times.read("1970-01-01T00:00:09Z", "37", near, true) == Reading{Reading::Kind::uptime, 37'000, 0});
}

TEST_CASE("a stamp without a year is of that which is near", "[detect][time]") {
  const TimeReader times = reader();
  const auto january = milli(sys_days(2027y / January / 3));
  CHECK(times.read("Dec 31 23:00:00", "1", january, true).milli ==
        milli(sys_days(2026y / December / 31) + 23h));
  CHECK(times.read("Mar  1 00:00:00", "1", january, true).milli == milli(sys_days(2026y / March / 1)));
  CHECK(times.read("Mar  1 00:00:00", "1", january, false).milli == milli(sys_days(2027y / March / 1)));
  CHECK(times.read("Feb 29 00:00:00", "1", january, true).milli == milli(sys_days(2024y / February / 29)));
}

TEST_CASE("a format without a date is of the day that is near", "[detect][time]") {
  const TimeReader times = reader("%H:%M:%S ");
  CHECK(times.read("", "23:59:58 ", milli(kNoon + 12h + 5min), true).milli == milli(kNoon + 12h - 2s));
  CHECK(times.read("", "00:00:03 ", milli(kNoon + 11h + 59min), false).milli == milli(kNoon + 12h + 3s));
}

TEST_CASE("a stamp without a zone is local time, over both changes of the clocks", "[detect][time]") {
  const TimeReader times = reader("%Y-%m-%d %H:%M:%S", berlin);
  const auto read = [&](const char* text, sys_time<milliseconds> near) {
    return times.read("", text, milli(near), false).milli;
  };
  const auto spring = sys_days(2026y / March / 29) + 1h;
  CHECK(read("2026-03-29 01:59:59", spring) == milli(spring - 1s));
  CHECK(read("2026-03-29 03:00:00", spring) == milli(spring));
  const auto autumn = sys_days(2026y / October / 25) + 1h;
  CHECK(read("2026-10-25 02:30:00", autumn - 31min) == milli(autumn - 30min));
  CHECK(read("2026-10-25 02:30:00", autumn - 30min) == milli(autumn - 30min));
  CHECK(read("2026-10-25 02:00:00", autumn - 1s) == milli(autumn));
  CHECK(read("2026-10-25 03:00:00", autumn + 59min) == milli(autumn + 1h));
}
