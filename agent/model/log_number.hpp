// SPDX-License-Identifier: GPL-3.0-or-later
// Line::log out of what names a coturn: a file without the marks of its rotation, a process, a tag of syslog.
// The same name has the same number after a restart of ours, so that saved sessions are found again.
#pragma once

#include <cstdint>
#include <string_view>

namespace coturn_guard {

// FNV-1a: no attacker chooses these names, and there are few.
[[nodiscard]] constexpr std::uint32_t log_number(std::string_view name, std::uint32_t within = 0) {
  std::uint32_t hash = 2'166'136'261U ^ within;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return hash;
}

}  // namespace coturn_guard
