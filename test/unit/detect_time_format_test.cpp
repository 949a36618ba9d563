// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/time_format.hpp"

#include <array>
#include <ctime>
#include <string>

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
  const CivilTime local{.year = 2026, .month = 11, .day = 22, .of_day = 12h + 15min + 3s, .zone_minutes = {}};
  CivilTime zoned = local;
  zoned.zone_minutes = 60;
  CivilTime utc = local;
  utc.zone_minutes = 0;
  CHECK(TimeFormat::compile("%FT%T%z")->read("2026-11-22T12:15:03+0100") == zoned);
  CHECK(TimeFormat::compile("%d/%b/%Y %H:%M:%S ")->read("22/Nov/2026 12:15:03 ") == local);
  CHECK(TimeFormat::compile("%d/%b/%Y %H:%M:%S %Z")->read("22/Nov/2026 12:15:03 UTC") == utc);
  CHECK(TimeFormat::compile("%s")->read("1795349703") == utc);
  CHECK(TimeFormat::compile("%Y %j %I:%M:%S %p.%f")->read("2026 326 12:15:03 PM.250")->of_day ==
        12h + 15min + 3s + 250ms);
  CHECK(TimeFormat::compile("%T")->read("12:15:03") ==
        CivilTime{.year = {}, .month = 0, .day = 0, .of_day = 12h + 15min + 3s, .zone_minutes = {}});
  CHECK_FALSE(TimeFormat::compile("%F")->read("2026-02-30"));
}
