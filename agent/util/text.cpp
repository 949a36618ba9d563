// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace coturn_guard {

std::string escape(std::string_view text, std::size_t max_bytes) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text.substr(0, max_bytes)) {
    switch (c) {
      case '\n': safe += "\\n"; break;
      case '\r': safe += "\\r"; break;
      case '\t': safe += "\\t"; break;
      case '\\': safe += "\\\\"; break;
      case '"': safe += "\\\""; break;
      default:
        if (c >= 0x20 && c < 0x7f)
          safe += c;
        else
          fmt::format_to(std::back_inserter(safe), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (text.size() > max_bytes) safe += "...";
  return safe;
}

}  // namespace coturn_guard
