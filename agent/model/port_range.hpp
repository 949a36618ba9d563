// SPDX-License-Identifier: GPL-3.0-or-later
// Ports of coturn's: what the drop rule covers and whose connections the witness hears of. Passive data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace coturn_guard {

struct PortRange {
  std::uint16_t first = 0, last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Whether one of the ranges holds it.
[[nodiscard]] inline bool holds(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [port](const PortRange& range) { return range.first <= port && port <= range.last; });
}

}  // namespace coturn_guard
