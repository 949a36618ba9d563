// SPDX-License-Identifier: GPL-3.0-or-later
// The machine's time zone (TZ, /etc/localtime), for texts that name none.
#pragma once

#include <cstdint>

namespace coturn_guard {

// Seconds that local time is ahead of UTC at a moment (seconds since 1970).
[[nodiscard]] std::int32_t local_zone(std::int64_t moment);

}  // namespace coturn_guard
