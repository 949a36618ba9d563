// SPDX-License-Identifier: GPL-3.0-or-later
// Spans of time as operators of fail2ban and systemd write them: "1m", "1h30m", "5w", "5min", "2 weeks". A
// bare number is refused, because nobody remembers its unit. No fractions, no months and no years: those have
// no length of their own.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace coturn_guard {

// Ten years of 52 weeks. What is longer is a slip of the pen, and everything that adds it to a clock stays in
// range.
inline constexpr std::chrono::seconds kLongestDuration = std::chrono::hours(520 * 7 * 24);

struct DurationProblem {
  std::size_t position = 0;  // byte of the text where it went wrong, from 0
  std::string what;
};

// One or more of <digits><unit>, added up; blanks may stand between. Units: s sec second(s), m min minute(s),
// h hr hour(s), d day(s), w week(s). Never more than kLongestDuration.
[[nodiscard]] tl::expected<std::chrono::seconds, DurationProblem> parse_duration(std::string_view text);

// The shortest form that parse_duration() reads back: "1h30m", "5w", "0s". What is negative counts as none.
[[nodiscard]] std::string to_string(std::chrono::seconds duration);

}  // namespace coturn_guard
