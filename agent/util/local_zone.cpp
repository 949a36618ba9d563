// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/local_zone.hpp"

#include <ctime>

namespace coturn_guard {

std::int32_t local_zone(std::int64_t moment) {
  const auto time = static_cast<std::time_t>(moment);
  std::tm local{};
  return ::localtime_r(&time, &local) == nullptr ? 0 : static_cast<std::int32_t>(local.tm_gmtoff);
}

}  // namespace coturn_guard
