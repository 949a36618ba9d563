// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_address.hpp"

#include <fmt/format.h>

namespace coturn_guard {

std::string MetricsAddress::to_string() const {
  if (!path.empty()) return "unix:" + path;
  if (tcp.port == 0) return "off";
  if (tcp.address.is_v4()) return fmt::format("{}:{}", tcp.address.to_string(), tcp.port);
  return fmt::format("[{}]:{}", tcp.address.to_string(), tcp.port);
}

}  // namespace coturn_guard
