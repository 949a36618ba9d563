// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/duration.hpp"

#include <random>

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

TEST_CASE("the words of fail2ban and systemd are understood", "[util][duration]") {
  CHECK(parse_duration("90s") == 90s);
  CHECK(parse_duration("1m") == 1min);
  CHECK(parse_duration("5min") == 5min);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("30m 1h") == 90min);
  CHECK(parse_duration("1d") == 24h);
  CHECK(parse_duration("5w") == 5 * 7 * 24h);
  CHECK(parse_duration(" 2 weeks  1 day ") == 15 * 24h);
  CHECK(parse_duration("1hour 1minute 1second") == 3661s);
  CHECK(parse_duration("0s") == 0s);
  CHECK(parse_duration("0000000000000000000000000001s") == 1s);
  CHECK(parse_duration("520w") == kLongestDuration);
}

TEST_CASE("what is no time span is refused with the place where it goes wrong", "[util][duration]") {
  struct Case {
    std::string_view text;
    std::size_t position;
    std::string_view word;
  };
  for (const auto& [text, position, word] :
       std::initializer_list<Case>{{"", 0, "missing"},
                                   {"   ", 3, "missing"},
                                   {"30", 2, "30s"},
                                   {"1h30", 4, "30m"},
                                   {"h", 0, "digit"},
                                   {"-1h", 0, "digit"},
                                   {"1.5h", 1, "fractions"},
                                   {"1h,30m", 2, "digit"},
                                   {"1,5h", 1, "fractions"},
                                   {"3 fortnights", 2, "unknown unit"},
                                   {"1H", 1, "unknown unit"},
                                   {"5mo", 1, "unknown unit"},
                                   {"1y", 1, "unknown unit"},
                                   {"521w", 0, "longer than 520w"},
                                   {"520w1s", 4, "longer than 520w"},
                                   {"99999999999999999999999999w", 0, "longer than"},
                                   {"314496001s", 0, "longer than"},
                                   {"1h;", 2, "digit"}}) {
    INFO(text);
    const auto duration = parse_duration(text);
    REQUIRE_FALSE(duration);
    CHECK(duration.error().position == position);
    CHECK_THAT(duration.error().what, contains_text(std::string(word)));
  }
}

TEST_CASE("a time span is printed in its shortest form", "[util][duration]") {
  CHECK(to_string(0s) == "0s");
  CHECK(to_string(-5s) == "0s");
  CHECK(to_string(90min) == "1h30m");
  CHECK(to_string(5 * 7 * 24h) == "5w");
  CHECK(to_string(36 * 24h) == "5w1d");
  CHECK(to_string(3661s) == "1h1m1s");
}

TEST_CASE("what is printed is read back", "[util][duration]") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    const std::chrono::seconds duration(static_cast<std::int64_t>(random() >> (random() % 64)) %
                                        (kLongestDuration.count() + 1));
    if (duration < 0s) continue;
    INFO(to_string(duration));
    CHECK(parse_duration(to_string(duration)) == duration);
  }
}
