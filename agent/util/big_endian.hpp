// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers in network byte order, read from bytes that need not be aligned. The caller knows that they are
// there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace coturn_guard {

[[nodiscard]] constexpr std::uint16_t read_u16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
[[nodiscard]] constexpr std::uint32_t read_u32(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(read_u16(bytes, at)) << 16 | read_u16(bytes, at + 2);
}

}  // namespace coturn_guard
