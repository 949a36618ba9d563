// SPDX-License-Identifier: GPL-3.0-or-later
// What scanners send to every port of every host, by name: the beginning of some forty protocols that are not
// TURN's. A name helps the operator, nothing is decided by it: what coturn does not speak is foreign with or
// without one. One row per protocol in foreign_protocol.cpp; how each is known: protocol_texts,
// protocol_headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "detect/packet_headers.hpp"

namespace coturn_guard {

// The name, which lives for ever; empty where no row knows it. `payload` is the beginning of `payload_bytes`
// bytes.
[[nodiscard]] std::string_view foreign_protocol(std::span<const std::uint8_t> payload,
                                                std::size_t payload_bytes, Transport transport);
[[nodiscard]] std::vector<std::string_view> known_protocols();

}  // namespace coturn_guard
