// SPDX-License-Identifier: GPL-3.0-or-later
// A TCP segment cut down to its first byte. Coturn closes at once on HTTP and the like, and asks its kernel
// to forget what the socket received (SO_LINGER 0): who asks the kernel a moment later comes too late. On a
// single byte it waits for more, so that the kernel can be asked whether its socket took that. Nothing is
// lost: what is cut off was not acknowledged, and a client's TCP sends it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coturn_guard {

// Empty where nothing is to be cut off, not all of the segment is there, it also opens the connection, its
// headers are not plain, or its checksum is wrong: a wrong one must not become right.
[[nodiscard]] std::vector<std::uint8_t> shortened_segment(std::span<const std::uint8_t> bytes,
                                                          std::size_t wire_bytes);

}  // namespace coturn_guard
