// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/ladder.hpp"

#include <algorithm>
#include <cmath>

namespace coturn_guard {
namespace {

constexpr std::uint32_t kLastRung = 20;

}  // namespace

std::chrono::seconds ban_duration(const Policy& policy, std::uint32_t earlier_bans) {
  const auto shortest = policy.bantime;
  const auto longest = std::max(policy.bantime_max, shortest);
  const double grown =
      std::ldexp(static_cast<double>(shortest.count()), static_cast<int>(std::min(earlier_bans, kLastRung))) *
      policy.bantime_factor;
  // Compared before it is converted: a double that does not fit into an integer is undefined behaviour.
  if (!(grown < static_cast<double>(longest.count()))) return longest;
  return std::max(shortest, std::chrono::seconds(static_cast<std::chrono::seconds::rep>(grown)));
}

Points weigh(Points points, const Policy& policy, std::uint32_t earlier_bans) {
  if (points.milli <= 0) return {};
  const std::uint64_t times =
      earlier_bans == 0 ? 1 : (std::uint64_t{1} << (std::min(earlier_bans, kLastRung) - 1)) + 1;
  const std::uint64_t weight = static_cast<std::uint64_t>(points.milli) * times;
  const auto most = static_cast<std::uint64_t>(std::max(policy.maxretry.milli, 1));
  return {static_cast<std::int32_t>(std::min(weight, most))};
}

}  // namespace coturn_guard
