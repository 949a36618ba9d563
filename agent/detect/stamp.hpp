// SPDX-License-Identifier: GPL-3.0-or-later
// The time of whoever wrapped a line (Wrapped::stamp) -> the moment that it names. It knows the shapes that
// detect/wrapper lets through, and nothing of zones and years that a text leaves out.
#pragma once

#include <optional>
#include <string_view>

#include "detect/time_format.hpp"

namespace coturn_guard {

// Absent: it names no moment that we can read (a month in another language, seconds since the machine was
// started).
[[nodiscard]] std::optional<CivilTime> read_stamp(std::string_view text);

}  // namespace coturn_guard
