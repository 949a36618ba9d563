// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/log_clocks.hpp"

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono;

namespace {

constexpr std::int64_t kNoon = 1'795'348'800'000;  // 2026-11-22T12:00:00Z

LogClocks replaying() {
  auto clocks = LogClocks::create("");
  REQUIRE(clocks);
  clocks->set_replaying();
  return *std::move(clocks);
}
Now today() {
  return {{}, system_clock::time_point(milliseconds(kNoon + 86'400'000))};
}
std::string told(LogClocks& clocks, const LogClocks::Texts& texts, std::int64_t written_milli = 0) {
  return to_string(clocks.told({.text = {}, .log = 1, .written_milli = written_milli}, texts, today()));
}

}  // namespace

TEST_CASE("what Docker read late has the distances of coturn's uptime", "[detect][clock]") {
  LogClocks clocks = replaying();
  CHECK(told(clocks, {"", "0"}, kNoon + 500) == "2026-11-22T12:00:00.500+0000");
  // a block, an hour later
  constexpr std::int64_t kBlock = kNoon + 3'600'900;
  CHECK(told(clocks, {"", "10"}, kBlock) == "2026-11-22T12:00:10.500+0000");
  CHECK(told(clocks, {"", "40"}, kBlock) == "2026-11-22T12:00:40.500+0000");
  CHECK(told(clocks, {"", "90"}, kBlock) == "2026-11-22T12:01:30.500+0000");
  CHECK(told(clocks, {"", "149"}, kNoon + 149'700) == "2026-11-22T12:02:29.700+0000");
  // started anew
  CHECK(told(clocks, {"", "0"}, kNoon + 180'000) == "2026-11-22T12:03:00+0000");
  // A stamp of a wrapper's is that of the line.
  LogClocks syslog = replaying();
  CHECK(told(syslog, {"2026-11-22T12:00:00Z", "0"}) == "2026-11-22T12:00:00+0000");
  CHECK(told(syslog, {"2026-11-22T12:00:30Z", "10"}) == "2026-11-22T12:00:30+0000");
}

TEST_CASE("Docker's own file says when a line was written, as far as coturn does not", "[detect][clock]") {
  LogClocks clocks = replaying();
  CHECK(told(clocks, {"", "7"}, kNoon) == "2026-11-22T12:00:00+0000");
  CHECK(told(clocks, {"", "8"}, kNoon + 30'000) == "2026-11-22T12:00:01+0000");
  CHECK(told(clocks, {"", "38"}, kNoon + 31'000) == "2026-11-22T12:00:31+0000");
  CHECK(told(clocks, {"", "2026-11-22T12:00:35+0000"}, kNoon + 90'000) == "2026-11-22T12:00:35+0000");
}

TEST_CASE("no attacker's uptime says when coturn started", "[detect][clock]") {
  LogClocks clocks = replaying();
  CHECK(told(clocks, {"", "100"}, kNoon) == "2026-11-22T12:00:00+0000");
  (void)clocks.doubtful({.text = {}, .log = 1, .written_milli = kNoon + 1000}, {"", "90000"}, today());
  (void)clocks.doubtful({.text = {}, .log = 1, .written_milli = kNoon + 1000}, {"", "0"}, today());
  CHECK(told(clocks, {"", "103"}, kNoon + 40'000) == "2026-11-22T12:00:03+0000");
}

TEST_CASE("what waits for an unread log's first line begins when the last run ended", "[detect][clock]") {
  auto clocks = LogClocks::create("");
  REQUIRE(clocks);
  const auto at = [](int minute) {
    return Now{steady_clock::time_point(minutes(minute)),
               system_clock::time_point(milliseconds(kNoon) + minutes(minute))};
  };
  clocks->begin(at(0).mono);
  clocks->load({}, at(60).mono);
  const auto mono = [&](const char* uptime, bool known) {
    const Line line{.text = {}, .log = 1, .fresh = false, .known = known};
    return duration_cast<seconds>(clocks->told(line, {"", uptime}, at(600)).now.mono.time_since_epoch());
  };
  (void)mono("100", true);
  (void)mono("130", true);
  CHECK(mono("140", false) == minutes(60) + seconds(10));
  CHECK(mono("170", false) == minutes(60) + seconds(40));
  clocks->read_up(at(600));
  CHECK(mono("171", false) >= minutes(600));
}

TEST_CASE("a syslog of several years, whose stamps name none, goes on through them", "[detect][clock]") {
  LogClocks clocks = replaying();
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::int64_t kDay = 86'400'000;
  std::int64_t before = 0, day_of_log = 0;
  for (sys_days day = sys_days(2021y / March / 3); day < sys_days(2026y / March / 3); day += days(9)) {
    const year_month_day date(day);
    const std::string stamp = std::string(kMonths[unsigned{date.month()} - 1]) +
                              (unsigned{date.day()} < 10 ? "  " : " ") +
                              std::to_string(unsigned{date.day()}) + " 12:00:00";
    // The second of each pair confirms the long silence.
    for (int line = 0; line < 2; ++line) {
      const Deed deed = clocks.told({.text = {}, .log = 1}, {stamp, "7"}, today());
      if (line == 0) continue;
      const std::int64_t now = duration_cast<milliseconds>(deed.now.mono.time_since_epoch()).count();
      // Its years are taken to end in the present one, so another may have the 29th of February.
      if (day_of_log > 0) CHECK(std::abs(now - before - 9 * kDay) <= kDay);
      before = now;
      ++day_of_log;
    }
  }
}
