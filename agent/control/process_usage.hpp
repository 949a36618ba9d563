// SPDX-License-Identifier: GPL-3.0-or-later
// What this process uses of the machine, as Prometheus' client libraries tell it (process_*). What the kernel
// does not say is 0.
#pragma once

#include <cstdint>

namespace coturn_guard {

struct ProcessUsage {
  double cpu_seconds = 0;  // user and system
  std::uint64_t resident_bytes = 0, virtual_bytes = 0;
  std::uint64_t open_descriptors = 0, most_descriptors = 0;
};

[[nodiscard]] ProcessUsage look_at_process();

}  // namespace coturn_guard
