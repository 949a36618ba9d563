// SPDX-License-Identifier: GPL-3.0-or-later
// How long the n-th ban lasts and how much an offence of somebody with n bans behind him weighs: fail2ban's
// two formulas, with a cap that always holds. Arithmetic only: who was banned how often is the ledger's.
#pragma once

#include <chrono>
#include <cstdint>

#include "judge/policy.hpp"

namespace coturn_guard {

// Fail2ban's bantime.increment (server/jail.py): max(bantime, min(bantime * 2^min(n, 20) * factor,
// bantime_max)), n being the number of earlier bans. A bantime over bantime_max lasts bantime, as there. Any
// factor is safe: what overflows or is no number is bantime_max.
[[nodiscard]] std::chrono::seconds ban_duration(const Policy& policy, std::uint32_t earlier_bans);

// Fail2ban's observer.py: one failure counts (1 << n) / 2 + 1 times, at most maxretry; n = 0 counts plainly,
// and not more than maxretry either.
[[nodiscard]] Points weigh(Points points, const Policy& policy, std::uint32_t earlier_bans);

}  // namespace coturn_guard
