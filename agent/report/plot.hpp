// SPDX-License-Identifier: GPL-3.0-or-later
// Plots as HTML with inline SVG that need no script. Columns stretch with the page while every word keeps its
// size, so that a plot is as readable on a telephone: the SVG holds shapes only, the words around it are
// HTML. Each plot says in words what it shows (role="img" with a label), and its colours come from the page's
// style
// (--c0 ... --c7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "report/numbers.hpp"

namespace coturn_guard {

// Safe within an element and within a quoted attribute; what is no printable ASCII is shown as an escape.
[[nodiscard]] std::string html(std::string_view text);
[[nodiscard]] std::string with_separators(std::uint64_t number);  // 1234567: "1 234 567", thin spaces
// Of several units the two largest, which is enough to look at: "3w 1d".
[[nodiscard]] std::string short_duration(std::chrono::seconds duration);
// "18 Nov 09:30"; without the time of day where `seconds` between two labels are days.
[[nodiscard]] std::string time_text(WallTime time, bool with_day, bool with_time);

struct Axis {
  WallTime from;
  std::chrono::seconds bucket{};
  std::size_t buckets = 0;
  std::uint64_t top = 0;  // of the scale; 0: the highest column's
};

// Columns, one a bucket, with the series one on top of the other. `first_colour`: of the first series.
[[nodiscard]] std::string stacked_columns(const std::vector<Series>& series, const Axis& axis,
                                          std::string_view what, unsigned first_colour = 0);
// The colours' names with each one's total.
[[nodiscard]] std::string legend(const std::vector<Series>& series, unsigned first_colour = 0);
// The highest column of them together.
[[nodiscard]] std::uint64_t highest(const std::vector<Series>& series);

// One bar, a part of `most` wide.
[[nodiscard]] std::string bar(std::uint64_t value, std::uint64_t most, unsigned colour);

}  // namespace coturn_guard
