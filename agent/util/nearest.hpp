// SPDX-License-Identifier: GPL-3.0-or-later
// "Did you mean ...?": the known word nearest to one that nobody knows. For error messages only.
#pragma once

#include <span>
#include <string_view>

namespace coturn_guard {

// Empty where no candidate is near: more than a third of the word (at least one letter) would have to change,
// swapped neighbours counting as one change. Words over 64 bytes have no neighbour. Ties: the first
// candidate.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace coturn_guard
