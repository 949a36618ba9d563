// SPDX-License-Identifier: GPL-3.0-or-later
// The seed of a table that attackers fill: drawn once by whoever owns the table, from the kernel. Tests and
// fuzzers choose their own.
#pragma once

#include "util/siphash.hpp"

namespace coturn_guard {

// Reads the kernel's random source (getrandom(2)).
[[nodiscard]] HashSeed random_seed();

}  // namespace coturn_guard
