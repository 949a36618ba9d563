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

TEST_CASE("all times are read that others put before a line", "[detect][time]") {
  const TimeReader times = reader("", berlin);
  const auto near = milli(kNoon);
  const auto read = [&](const char* stamp) { return times.read(stamp, "37", near, true); };
  const auto wall = [](sys_time<milliseconds> moment, std::int32_t zone, bool local) {
    return Reading{Reading::Kind::wall, milli(moment), zone, local};
  };
  const auto local_noon = wall(kNoon, 3600, true);
  for (const char* const stamp :
       {"Nov 22 13:00:00", "nov. 22 13:00:00", "Nov 22 2026 13:00:00", "Sun Nov 22 13:00:00 2026",
        "11月 22 13:00:00", "2026-11-22 13:00:00", "2026-11-22_13:00:00", "2026-11-22T13:00:00",
        "Sun 2026-11-22 13:00:00 CET", "So. 2026-11-22 13:00:00"}) {
    INFO(stamp);
    CHECK(read(stamp) == local_noon);
  }
  CHECK(read("Mon 2026-11-22 12:00:00.250123 UTC") == wall(kNoon + 250ms, 0, false));
  CHECK(read("Sun 2026-11-22 14:00:00 +02") == wall(kNoon, 7200, false));
  CHECK(read("2026-11-22T06:30:00,003-0530") == wall(kNoon + 3ms, -19'800, false));
  CHECK(read("Nov 22 13:00:00.5") == wall(kNoon + 500ms, 3600, true));
  CHECK(read("1795348800.003456") == wall(kNoon + 3ms, 0, false));
  CHECK(read("@400000006b02d94a1dcd6500") == wall(kNoon + 500ms, 0, false));
  // What cannot be read leaves it to coturn's own.
  const Reading own{Reading::Kind::uptime, 37'000, 0};
  for (const char* const stamp : {"Dez 22 13:00:00", "[ 1234.567890]", "@40", "2026-22-22 13:00:00"}) {
    INFO(stamp);
    CHECK(read(stamp) == own);
  }
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

TEST_CASE("a stamp before 1970 or of no day is no time, and one of the far future is", "[detect][time]") {
  const TimeReader times = reader();
  const auto near = milli(kNoon);
  const Reading own{Reading::Kind::uptime, 37'000, 0};
  for (const char* const stamp :
       {"1969-12-31T23:59:59Z", "1901-12-13T20:45:52Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-00-10T00:00:00Z", "2026-13-10T00:00:00Z",
        "2026-01-00T00:00:00Z", "-2026-01-01T00:00:00Z"}) {
    INFO(stamp);
    CHECK(times.read(stamp, "37", near, true) == own);
  }
  CHECK(times.read("", "1969-12-31T23:59:59+0000", near, true).kind == Reading::Kind::none);
  CHECK(times.read("9999-12-31T23:59:59Z", "37", near, true).milli ==
        milli(sys_days(9999y / December / 31) + 24h - 1s));
  // Not a time of the day, but no reason to overflow either.
  (void)times.read("9999-12-31T99:99:99.999999999+99:99", "37", near, true);
  (void)times.read("", "4294967295", near, true);
}
