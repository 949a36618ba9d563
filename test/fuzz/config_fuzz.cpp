// SPDX-License-Identifier: GPL-3.0-or-later
// The operator's YAML: whatever it holds, it is either a Config or a list of problems that each say where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto config = coturn_guard::parse_config({reinterpret_cast<const char*>(bytes), size}, "fuzz.yaml");
  if (config) {
    const auto& policy = config->policy;
    if (policy.bantime.count() < 1 || policy.bantime_max < policy.bantime || policy.maxretry.milli < 1 ||
        config->log_file.empty())
      std::abort();
  } else {
    if (config.error().empty()) std::abort();
    for (const auto& problem : config.error())
      if (!problem.starts_with("fuzz.yaml:")) std::abort();
  }
  return 0;
}
