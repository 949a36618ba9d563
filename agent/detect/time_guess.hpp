// SPDX-License-Identifier: GPL-3.0-or-later
// Which new-log-timestamp-format a log was written with, from its lines: of the ways in which people write a
// date and a time, the one with which most lines are records of coturn's. For replay, where nobody says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace coturn_guard {

// The names of `docker compose`'s lines that are coturn's although they do not say so: most of what stands
// behind them are records of coturn's. None, where a name says so.
[[nodiscard]] std::vector<std::string> guess_compose_names(std::string_view lines);

// The strftime text; empty where the lines need none, or none fits.
[[nodiscard]] std::string guess_time_format(std::string_view lines);

}  // namespace coturn_guard
