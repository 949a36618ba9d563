// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/flow.hpp"

#include <algorithm>
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

}  // namespace coturn_guard
