// SPDX-License-Identifier: GPL-3.0-or-later
// Ports of coturn's: what the drop rule covers and whose connections the witness hears of. Passive data.
// A range that is cut out of others leaves what stands beside it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
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

// What of `ranges` lies in none of `excluded`.
[[nodiscard]] inline std::vector<PortRange> without(std::vector<PortRange> ranges,
                                                    const std::vector<PortRange>& excluded) {
  for (const PortRange& hole : excluded) {
    std::vector<PortRange> left;
    for (const PortRange& range : ranges) {
      if (hole.last < range.first || range.last < hole.first) {
        left.push_back(range);
        continue;
      }
      if (range.first < hole.first) left.push_back({range.first, static_cast<std::uint16_t>(hole.first - 1)});
      if (hole.last < range.last) left.push_back({static_cast<std::uint16_t>(hole.last + 1), range.last});
    }
    ranges = std::move(left);
  }
  return ranges;
}

// Where the witness looks for coturn's own listeners.
struct CoturnPorts {
  std::vector<PortRange> known;  // by coturn's configuration, or what coturn takes where there is none
  std::vector<PortRange>
      listed;                    // by the operator alone: may be another service's that bans shall cover, too
  std::vector<PortRange> relay;  // min-port to max-port: never coturn's own, whatever the other two say
  friend bool operator==(const CoturnPorts&, const CoturnPorts&) = default;
};

}  // namespace coturn_guard
