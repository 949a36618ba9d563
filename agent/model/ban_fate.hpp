// SPDX-License-Identifier: GPL-3.0-or-later
// What became of a ban that was asked for.
#pragma once

#include <cstdint>

namespace coturn_guard {

// Failed: it does not stand. Deferred: the set of its address family cannot be repaired at present; the ban
// waits in the table, and the repair puts it into the kernel without telling again.
enum class Fate : std::uint8_t { enforced, lengthened, unchanged, failed, deferred };

}  // namespace coturn_guard
