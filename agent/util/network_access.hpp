// SPDX-License-Identifier: GPL-3.0-or-later
// Whether this process may speak to the network. The packaged unit forbids it (RestrictAddressFamilies,
// IPAddressDeny); what needs it names the drop-in that allows it. It sends one byte to itself and nothing
// else.
#pragma once

#include <optional>
#include <string>

namespace coturn_guard {

// Why not, and how to change that; absent where nothing forbids it.
[[nodiscard]] std::optional<std::string> network_refused();

}  // namespace coturn_guard
