// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/flow.hpp"

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

std::string to_string(Points points) {
  std::string text = fmt::format("{:.3f}", points.milli / 1000.0);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace coturn_guard
