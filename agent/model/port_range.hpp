// SPDX-License-Identifier: GPL-3.0-or-later
// Ports of coturn's: what the drop rule covers and whose connections the witness hears of. Passive data.
#pragma once

#include <cstdint>

namespace coturn_guard {

struct PortRange {
  std::uint16_t first = 0, last = 0;
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

}  // namespace coturn_guard
