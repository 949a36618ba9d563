// SPDX-License-Identifier: GPL-3.0-or-later
// Networks and windows of offences as the bytes that stand in the state file. Pure; what does not decode is
// refused, for a file may be damaged.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "model/saved_state.hpp"

namespace coturn_guard {

using NetworkBytes = std::array<std::uint8_t, 17>;
[[nodiscard]] NetworkBytes encode_network(const Prefix& network);
[[nodiscard]] bool decode_network(std::span<const std::uint8_t> bytes, Prefix& network);

[[nodiscard]] bool decode_address(std::span<const std::uint8_t> bytes, Address& address);

// Only slots that are used: 8 bytes each, big endian.
[[nodiscard]] std::vector<std::uint8_t> encode_window(const std::array<std::uint64_t, 8>& window);
[[nodiscard]] bool decode_window(std::span<const std::uint8_t> bytes, std::array<std::uint64_t, 8>& window);

}  // namespace coturn_guard
