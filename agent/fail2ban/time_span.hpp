// SPDX-License-Identifier: GPL-3.0-or-later
// Spans of time as fail2ban reads them (server/mytime.py, str2seconds): "600", "1h 30m", "1d12h", "2*1h",
// "1year-6mo"; a bare number counts seconds, a month is a twelfth of 365.25 days. fail2ban hands the text to
// Python's eval; here it is numbers, units, + - * / and brackets, and nothing else.
#pragma once

#include <optional>
#include <string_view>

namespace coturn_guard::fail2ban {

// Seconds, possibly negative or with a fraction. Absent where the text is none of that, or no finite number.
[[nodiscard]] std::optional<double> parse_time_span(std::string_view text);
// The same without units: bantime.factor.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

}  // namespace coturn_guard::fail2ban
