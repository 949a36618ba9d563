// SPDX-License-Identifier: GPL-3.0-or-later
// Numbers for what an event is about, so that different users, peers and sessions can be counted without
// keeping their names: hashes with a seed, which outlive a restart (SavedHead::seed).
#pragma once

#include <cstdint>
#include <string_view>

#include "model/flow.hpp"
#include "model/trait.hpp"
#include "model/user_number.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

// 0: it names none.
[[nodiscard]] std::uint64_t what_number(const Event& event, Distinct distinct, const HashSeed& seed);
// Of names of a REST API without their time; a bare time is one of few numbers (kBareTimes). 0: no name.
[[nodiscard]] UserNumber user_number(std::string_view name, const HashSeed& seed);

}  // namespace coturn_guard
