// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "model/address.hpp"

namespace coturn_guard {

// What no stranger on the Internet can be: RFC 1918, unique local and link-local addresses.
[[nodiscard]] bool is_private(const Address& address);

}  // namespace coturn_guard
