// SPDX-License-Identifier: GPL-3.0-or-later
// Text that an attacker may have written, made safe to print: on a terminal, in the journal, in a quoted
// value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace coturn_guard {

inline constexpr std::size_t kMaxPrintedBytes = 128;

// Printable ASCII stays; backslash, quote, control and 8-bit bytes become C escapes (\n, \x1b, \\, \"). At
// most `max_bytes` of the original are shown, and an ellipsis says that more followed.
[[nodiscard]] std::string escape(std::string_view text, std::size_t max_bytes = kMaxPrintedBytes);

}  // namespace coturn_guard
