// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/time_format.hpp"

#include <array>
#include <ctime>
#include <string>

#include "detect/log_clock.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

TEST_CASE("what strftime writes is matched to its last byte, for every conversion", "[detect][time]") {
  const std::time_t moment = 1795349703;  // 2026-11-22 12:15:03 UTC
  std::tm fields{};
  gmtime_r(&moment, &fields);
  for (const char* const format :
       {"%FT%T%z", "%Y/%m/%d %H.%M.%S", "%d/%b/%Y %H:%M:%S ", "%a %e %B %y, %I:%M %p", "%A %j %U %u %w %V %C",
        "%c", "%D %R", "%r", "%s", "%h%n", "%k:%l", "%Z", "100%% %t", "%X %x", "%G-W%V"}) {
    INFO(format);
    std::array<char, 128> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), format, &fields);
    REQUIRE(size > 0);
    const auto compiled = TimeFormat::compile(format);
    if (std::string_view(format).find("%n") != std::string_view::npos) {
      CHECK_FALSE(compiled);  // a line end within a prefix: no line would begin with it
      continue;
    }
    REQUIRE(compiled);
    CHECK(compiled->match(std::string(text.data(), size) + ": msg") == size);
    CHECK(compiled->match(std::string_view(text.data(), size - 1)) < size);
  }
}

TEST_CASE("a format that strftime or coturn would not take is refused", "[detect][time]") {
  CHECK_FALSE(TimeFormat::compile("%Q"));
  CHECK_FALSE(TimeFormat::compile("%F %"));
  CHECK_FALSE(TimeFormat::compile(std::string(48, 'x')));
  CHECK(TimeFormat::compile(std::string(47, 'x')));
  CHECK(TimeFormat().match("22: : msg") == 0);
}

TEST_CASE("a time text names its moment", "[detect][time]") {
  using namespace std::chrono;
  const sys_time<milliseconds> expected = sys_days(2026y / November / 22) + 12h + 15min + 3s;
  CHECK(TimeFormat::compile("%FT%T%z")->parse("2026-11-22T13:15:03+0100") == expected);
  CHECK(TimeFormat::compile("%d/%b/%Y %H:%M:%S ")->parse("22/Nov/2026 12:15:03 ") == expected);
  CHECK(TimeFormat::compile("%s")->parse("1795349703") == expected);
  CHECK(TimeFormat::compile("%Y %j %I:%M:%S %p.%f")->parse("2026 326 12:15:03 PM.250") == expected + 250ms);
  CHECK_FALSE(TimeFormat::compile("%T")->parse("12:15:03"));
  CHECK_FALSE(TimeFormat::compile("%F %T")->parse("2026-02-30 12:15:03"));
}

TEST_CASE("a replay's clock runs on over a restart of coturn", "[detect][clock]") {
  auto clock = LogClock::create("");
  REQUIRE(clock);
  CHECK(clock->at("590556") == 0s);
  CHECK(clock->at("590566") == 10s);
  CHECK(clock->at("590565") == 10s);  // another thread's cached second
  CHECK(clock->at("4294967290") == 10s);
  CHECK(clock->at("0") == 10s);
  CHECK(clock->at("0") == 10s);
  CHECK(clock->at("65") == 75s);
  CHECK(clock->at("no time") == 75s);
  CHECK_FALSE(clock->moment());
  CHECK(clock->at("2026-11-22T11:59:05.500+0000") == 75s);  // an upgrade changed the form
  CHECK(clock->at("2026-11-22T12:00:05.750+0000") == 135s + 250ms);
  CHECK(clock->at("2026-11-22T12:00:05+0000") == 135s + 250ms);
  CHECK(clock->at("2026-11-22T13:00:06+0100") == 135s + 500ms);
  REQUIRE(clock->moment());
  CHECK(clock->at("7") == 135s + 500ms + 7s);
}

TEST_CASE("a replay's clock reads an own time format", "[detect][clock]") {
  auto clock = LogClock::create("%d/%b/%Y %H:%M:%S ");
  REQUIRE(clock);
  CHECK(clock->at("22/Nov/2026 23:59:58 ") == 0s);
  CHECK(clock->at("23/Nov/2026 00:00:03 ") == 5s);
  CHECK_FALSE(LogClock::create("%Q"));
}
