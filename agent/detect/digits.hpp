// SPDX-License-Identifier: GPL-3.0-or-later
// Eight digits at a time, as one machine word: each line begins with numbers of up to twenty digits, and a
// session's is read several times on its way.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace coturn_guard {

inline constexpr std::size_t kDigitsAtOnce = sizeof(std::uint64_t);

// `text` has that many bytes. The first one is the lowest of the word, whatever the machine's order.
inline std::uint64_t word_of(const char* text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// How many of its first characters are digits. A byte is one if its upper half is 3, also when 6 is added.
// What a byte over 0xf9 carries to the next one changes nothing: it is no digit itself.
inline std::size_t leading_digits(std::uint64_t word) {
  constexpr std::uint64_t kUpperHalves = 0xf0f0f0f0f0f0f0f0;
  constexpr std::uint64_t kThrees = 0x3030303030303030;
  const std::uint64_t others =
      ((word & kUpperHalves) ^ kThrees) | (((word + 0x0606060606060606) & kUpperHalves) ^ kThrees);
  return static_cast<std::size_t>(std::countr_zero(others)) / 8;
}

// Neighbours are joined: digits to pairs, pairs to fours, and those to eight.
inline std::uint64_t number_of_digits(std::uint64_t word) {
  word = (word & 0x0f0f0f0f0f0f0f0f) * (1 + (10U << 8)) >> 8;
  word = (word & 0x00ff00ff00ff00ff) * (1 + (100U << 16)) >> 16;
  return (word & 0x0000ffff0000ffff) * (1 + (std::uint64_t{10000} << 32)) >> 32;
}

}  // namespace coturn_guard
