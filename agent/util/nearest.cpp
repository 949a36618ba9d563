// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/nearest.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace coturn_guard {
namespace {

constexpr std::size_t kLongestWord = 64;

// Optimal string alignment distance (Damerau-Levenshtein without repeated edits), three rows.
std::size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<std::size_t, kLongestWord + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& now = rows[i % 3];
    const auto& before = rows[(i + 2) % 3];
    const auto& twice_before = rows[(i + 1) % 3];
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({before[j] + 1, now[j - 1] + 1, before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], twice_before[j - 2] + 1);
    }
  }
  return rows[a.size() % 3][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kLongestWord) return {};
  std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kLongestWord) continue;
    const std::size_t changes = distance(word, candidate);
    if (changes > allowed || (!found.empty() && changes == allowed)) continue;
    found = candidate;
    allowed = changes;
  }
  return found;
}

}  // namespace coturn_guard
