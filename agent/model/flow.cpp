// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/flow.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

namespace coturn_guard {

std::string_view to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::proven: return "proven";
    case Evidence::claimed: return "claimed";
    case Evidence::spoofable: return "spoofable";
    case Evidence::tainted: return "tainted";
  }
  return "unknown";
}

Points times(Points points, std::uint32_t count) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max() / 2;
  return {static_cast<std::int32_t>(std::clamp(std::int64_t{points.milli} * count, std::int64_t{0}, kMost))};
}

std::string to_string(Points points) {
  std::string text = fmt::format("{:.3f}", points.milli / 1000.0);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string to_string(const Deed& deed) {
  if (deed.by == Deed::By::unknown || deed.by == Deed::By::arrival) return {};
  if (deed.by == Deed::By::uptime) return fmt::format("{}", deed.uptime_seconds);
  using namespace std::chrono;
  const auto moment = floor<milliseconds>(deed.now.wall.time_since_epoch()) + seconds(deed.zone_seconds);
  const sys_days midnight{floor<days>(moment)};
  const year_month_day day(midnight);
  const auto of_day = hh_mm_ss(moment - midnight.time_since_epoch());
  const auto milli = of_day.subseconds().count();
  const auto zone = std::abs(deed.zone_seconds) / 60;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}{:02}{:02}", int{day.year()},
                     unsigned{day.month()}, unsigned{day.day()}, of_day.hours().count(),
                     of_day.minutes().count(), of_day.seconds().count(),
                     milli == 0 ? "" : fmt::format(".{:03}", milli), deed.zone_seconds < 0 ? '-' : '+',
                     zone / 60, zone % 60);
}

}  // namespace coturn_guard
