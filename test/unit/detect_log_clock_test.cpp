// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/log_clock.hpp"

#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono;

namespace {

constexpr std::int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kMidnight = 1'767'225'600'000;  // 2026-01-01

Reading wall(std::int64_t milli) {
  return {Reading::Kind::wall, kMidnight + milli, 0};
}
Reading uptime(std::int64_t milli) {
  return {Reading::Kind::uptime, milli, 0};
}
// Our clocks, so much after midnight by a steady clock that stood at an hour then.
Now at(std::int64_t milli) {
  return {steady_clock::time_point(milliseconds(kHour + milli)),
          system_clock::time_point(milliseconds(kMidnight + milli))};
}

// A replay's: when each line was written, as it is judged.
std::vector<LogClock::Milli> replayed(const std::vector<Reading>& readings) {
  LogClock clock;
  std::vector<LogClock::Milli> times;
  std::size_t dated = 0;
  const auto date = [&] {
    if (clock.decided())
      while (dated < times.size()) times[dated++] = *clock.decided();
  };
  for (const Reading& reading : readings) {
    clock.read(reading, std::nullopt, true);
    date();
    times.push_back(clock.now());
    if (!clock.in_doubt()) dated = times.size();
  }
  clock.read_up(std::nullopt);
  date();
  return times;
}

using Times = std::vector<LogClock::Milli>;

}  // namespace

TEST_CASE("distances between lines are those of their clocks", "[detect][clock]") {
  CHECK(replayed({wall(0), wall(1000), wall(31'000), wall(kHour), wall(9 * kHour), wall(9 * kHour + 1)}) ==
        Times{0, 1000, 31'000, kHour, 9 * kHour, 9 * kHour + 1});
  CHECK(replayed({uptime(500'000), uptime(510'000), uptime(509'000), uptime(900'000)}) ==
        Times{0, 10'000, 10'000, 400'000});
}

TEST_CASE("one line with a wrong clock is believed by nobody", "[detect][clock]") {
  CHECK(replayed({wall(0), wall(6 * kHour), wall(10 * kMinute), wall(2 * kHour)}) ==
        Times{0, 0, 10 * kMinute, 2 * kHour});
  CHECK(replayed({wall(0), wall(-6 * kHour), wall(10 * kMinute), wall(2 * kHour)}) ==
        Times{0, 0, 10 * kMinute, 2 * kHour});
  CHECK(replayed({wall(0), wall(6 * kHour), wall(1000)}) == Times{0, 0, 1000});
  CHECK(replayed({wall(0), wall(30'000 * kDay), wall(1000), wall(2000)}) == Times{0, 0, 1000, 2000});
  // the first of all: the second cannot say which of the two is right, the third can
  CHECK(replayed({wall(6 * kHour), wall(0), wall(1000), wall(2 * kHour)}) == Times{0, 0, 1000, 2 * kHour});
}

TEST_CASE("a clock that is set back goes on, and time with it", "[detect][clock]") {
  CHECK(replayed({wall(0), wall(10'000), wall(-kHour), wall(-kHour + 1000), wall(0)}) ==
        Times{0, 10'000, 10'000, 11'000, 10'000 + kHour});
}

TEST_CASE("coturn's uptime goes on over its restart", "[detect][clock]") {
  CHECK(replayed({uptime(590'556'000), uptime(590'566'000), uptime(0), uptime(0), uptime(65'000)}) ==
        Times{0, 10'000, 10'000, 10'000, 75'000});
}

TEST_CASE("a log of several years ends where it ends", "[detect][clock]") {
  Times expected;
  std::vector<Reading> readings;
  for (int week = 0; week < 300; ++week) {
    readings.push_back(wall(week * 7 * kDay));
    expected.push_back(week * 7 * kDay);
  }
  CHECK(replayed(readings) == expected);
}

TEST_CASE("the lines of two coturns in one file run side by side", "[detect][clock]") {
  std::vector<Reading> readings{uptime(5'000'000), uptime(5'001'000), uptime(100'000), uptime(101'000)};
  for (int i = 2; i < 300; ++i) {
    readings.push_back(uptime(5'000'000 + i * 1000));
    readings.push_back(uptime(100'000 + i * 1000));
  }
  const Times times = replayed(readings);
  CHECK(times.back() <= 301'000);
  CHECK(times.back() >= 298'000);
}

TEST_CASE("a line that arrives when it says is not in doubt, whatever was before", "[detect][clock]") {
  LogClock clock;
  clock.read(wall(0), at(500), true);
  CHECK(clock.now() == kHour);
  clock.read(wall(9 * kHour), at(9 * kHour + 300), true);
  CHECK_FALSE(clock.in_doubt());
  CHECK(clock.now() == 10 * kHour);
}

TEST_CASE("a line that says later than it arrives is wrong", "[detect][clock]") {
  LogClock clock;
  clock.read(wall(0), at(500), true);
  clock.read(wall(6 * kHour), at(600'000), true);
  CHECK_FALSE(clock.in_doubt());
  CHECK(clock.now() == kHour);
  clock.read(wall(601'000), at(601'500), true);
  CHECK(clock.now() == kHour + 601'000);
  // Where all that follows says so, the clock was set: no time passed but ours.
  clock.read(wall(7 * kHour), at(700'000), true);
  clock.read(wall(7 * kHour + 1000), at(701'000), true);
  clock.read(wall(7 * kHour + 100'000), at(800'000), true);
  CHECK(clock.now() <= kHour + 800'000 + LogClock::kNear);
  CHECK(clock.now() >= kHour + 700'000);
}

TEST_CASE("a backlog has the log's time, and its last line is decided when it is read up",
          "[detect][clock]") {
  LogClock clock;
  clock.read(wall(0), at(20 * kHour), false);
  CHECK(clock.now() == kHour);
  clock.read(wall(3 * kHour), at(20 * kHour), false);
  CHECK(clock.in_doubt());
  clock.read(wall(5 * kHour), at(20 * kHour), false);
  CHECK(clock.decided() == 4 * kHour);
  CHECK(clock.in_doubt());
  clock.read_up(at(20 * kHour));
  CHECK_FALSE(clock.in_doubt());
  CHECK(clock.decided() == 6 * kHour);
}

TEST_CASE("a clock that is always late by as much is known after ten seconds", "[detect][clock]") {
  LogClock clock;
  for (int second = 0; second < 15; ++second) {
    clock.read(wall(second * 1000), at(3 * kHour + second * 1000), true);
    clock.read_up(at(3 * kHour + second * 1000 + 500));
  }
  CHECK(clock.now() >= 4 * kHour + 13'000);
  CHECK(clock.now() <= 4 * kHour + 14'000);
}

TEST_CASE("of a shipper's backlog no line is taken for one of now", "[detect][clock]") {
  LogClock clock;
  for (int second = 0; second < 60; ++second) {
    for (int line = 0; line < 10; ++line)
      clock.read(wall(second * 180'000 + line * 18'000), at(3 * kHour + second * 1000), true);
    clock.read_up(at(3 * kHour + second * 1000 + 500));
    CHECK(clock.now() <= kHour + second * 180'000 + 9 * 18'000);
  }
}

TEST_CASE("an uptime says nothing of the time that coturn was down: the arrival does", "[detect][clock]") {
  LogClock clock;
  clock.read(uptime(100'000), at(0), true);
  clock.read(uptime(0), at(2 * kHour), true);
  CHECK(clock.now() == 3 * kHour);
  clock.read(uptime(1000), at(2 * kHour + 1000), true);
  CHECK(clock.now() == 3 * kHour + 1000);
}

TEST_CASE("a clock goes on from where an earlier run left it", "[detect][clock]") {
  LogClock before;
  before.read(uptime(100'000), at(0), true);
  before.read(uptime(101'000), at(1000), true);
  LogClock clock;
  clock.go_on(before.mark());
  clock.read(uptime(161'000), at(5 * kHour), false);
  CHECK(clock.now() == kHour + 61'000);
}

TEST_CASE("what an attacker may have written moves no clock, and has its own time where that can be",
          "[detect][clock]") {
  LogClock clock;
  clock.read(wall(0), std::nullopt, true);
  CHECK(clock.read_doubtful(wall(30'000), std::nullopt) == 30'000);
  CHECK_FALSE(clock.any_in_doubt());
  CHECK_FALSE(clock.read_doubtful(wall(-2 * kHour), std::nullopt));
  CHECK_FALSE(clock.any_in_doubt());
  CHECK_FALSE(clock.read_doubtful(wall(2 * kHour), std::nullopt));
  CHECK(clock.any_in_doubt());
  CHECK_FALSE(clock.in_doubt());
  CHECK(clock.now() == 0);
  clock.read(wall(31'000), std::nullopt, true);
  CHECK(clock.decided() == 31'000);  // so it was not two hours later
  // Where coturn's own next lines are as late, it was.
  CHECK_FALSE(clock.read_doubtful(wall(3 * kHour), std::nullopt));
  clock.read(wall(3 * kHour + 1000), std::nullopt, true);
  CHECK_FALSE(clock.decided());
  CHECK(clock.any_in_doubt());
  clock.read(wall(3 * kHour + 2000), std::nullopt, true);
  CHECK(clock.decided() == 3 * kHour + 2000);
  CHECK_FALSE(clock.any_in_doubt());
}

TEST_CASE("read as it is written, an attacker's line has its own time only where it arrives then",
          "[detect][clock]") {
  LogClock clock;
  clock.read(wall(0), at(0), true);
  CHECK(clock.read_doubtful(wall(2 * kHour), at(2 * kHour + 500)) == 3 * kHour);
  CHECK_FALSE(clock.read_doubtful(wall(6 * kHour), at(2 * kHour + 500)));
  CHECK_FALSE(clock.any_in_doubt());
  CHECK_FALSE(clock.read_doubtful(wall(kHour), at(2 * kHour + 500)));
  clock.read_up(at(2 * kHour + 1000));
  CHECK(clock.decided() == 3 * kHour + 1000);
  CHECK(clock.now() == kHour);
}

TEST_CASE("of uptimes that no earlier run has read, the first was written after it ended",
          "[detect][clock]") {
  LogClock clock;
  clock.unread_since(kHour);
  clock.read(uptime(500'000), at(8 * kHour), false);
  CHECK(clock.now() == kHour);
  clock.read(uptime(530'000), at(8 * kHour), false);
  CHECK(clock.now() == kHour + 30'000);
  clock.read_up(at(8 * kHour));
  CHECK(clock.now() == 9 * kHour);  // what follows does so now
  clock.read(uptime(531'000), at(8 * kHour + 500), true);
  CHECK(clock.now() >= 9 * kHour);
}

TEST_CASE("what an earlier run has read of uptimes was written before it ended", "[detect][clock]") {
  LogClock clock;
  clock.unread_since(kHour);
  for (int second = 0; second < 40; second += 10) clock.read(uptime(second * 1000), at(8 * kHour), false);
  clock.unread_begins();
  clock.read(uptime(40'000), at(8 * kHour), false);
  CHECK(clock.now() == kHour + 10'000);
}

TEST_CASE("a backlog of uptimes that is longer than was thought keeps its distances", "[detect][clock]") {
  LogClock clock;
  clock.unread_since(kHour);
  clock.read(uptime(0), at(10 * kMinute), false);
  for (int minute = 0; minute < 600; ++minute) clock.read(uptime(minute * kMinute), at(10 * kMinute), false);
  CHECK(clock.now() == kHour + 599 * kMinute);
  clock.read_up(at(10 * kMinute));
  CHECK(clock.now() == kHour + 10 * kMinute);
}

TEST_CASE("coturn that was restarted while we were stopped did not do so before", "[detect][clock]") {
  LogClock before;
  before.read(uptime(100'000), at(0), true);
  LogClock clock;
  clock.unread_since(3 * kHour);
  clock.go_on(before.mark());
  clock.read(uptime(0), at(8 * kHour), false);
  clock.restarted(at(8 * kHour));
  clock.read(uptime(1000), at(8 * kHour), false);
  CHECK(clock.now() == 3 * kHour + 1000);
}

TEST_CASE("nor before all was read up", "[detect][clock]") {
  LogClock clock;
  clock.read(uptime(100'000), at(0), false);
  for (int minute = 0; minute < 60; ++minute) clock.read_up(at(minute * kMinute));
  clock.read(uptime(0), at(kHour), false);
  clock.read(uptime(1000), at(kHour), false);
  CHECK(clock.now() == kHour + 59 * kMinute + 1000);
}

TEST_CASE("a clock that steps both ways by hours while lines come keeps time with ours", "[detect][clock]") {
  LogClock clock;
  const std::vector<std::int64_t> steps{0, 6 * kHour, -9 * kHour, kHour, -20 * kDay, 300 * kDay, 0};
  std::int64_t before = 0;
  for (std::int64_t second = 0; second < 420; ++second) {
    const std::int64_t arrival = second * 1000 + 300;
    clock.read(wall(second * 1000 + steps[static_cast<std::size_t>(second / 60)]), at(arrival), true);
    clock.read_up(at(arrival + 500));
    CHECK(clock.now() >= before);
    CHECK(clock.now() <= kHour + arrival + LogClock::kNear);
    CHECK(clock.now() >= kHour + arrival - 20'000);
    before = clock.now();
  }
}
