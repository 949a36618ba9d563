// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/random_seed.hpp"

#include <sys/random.h>

#include <cstdlib>

namespace coturn_guard {

HashSeed random_seed() {
  HashSeed seed{};
  // Cannot fail for 16 bytes once the kernel is seeded, and blocks until then (getrandom(2)).
  if (getrandom(seed.data(), sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) std::abort();
  return seed;
}

}  // namespace coturn_guard
