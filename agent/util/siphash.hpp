// SPDX-License-Identifier: GPL-3.0-or-later
// SipHash-1-3 over a fixed 16-byte key-of-a-table, for tables whose keys an attacker chooses: without the
// seed nobody can pick addresses that all fall into one bucket. The seed is an argument; whoever owns the
// table's creator draws it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace coturn_guard {

using HashSeed = std::array<std::uint64_t, 2>;

// Aumasson and Bernstein, "SipHash: a fast short-input PRF"; 1 compression and 3 finalisation rounds.
inline std::uint64_t siphash13(const std::array<std::uint8_t, 16>& bytes, const HashSeed& seed) {
  std::uint64_t v0 = 0x736f6d6570736575ULL ^ seed[0];
  std::uint64_t v1 = 0x646f72616e646f6dULL ^ seed[1];
  std::uint64_t v2 = 0x6c7967656e657261ULL ^ seed[0];
  std::uint64_t v3 = 0x7465646279746573ULL ^ seed[1];
  const auto round = [&] {
    v0 += v1;
    v1 = std::rotl(v1, 13);
    v1 ^= v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16);
    v3 ^= v2;
    v0 += v3;
    v3 = std::rotl(v3, 21);
    v3 ^= v0;
    v2 += v1;
    v1 = std::rotl(v1, 17);
    v1 ^= v2;
    v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  };
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), bytes.data(), sizeof words);
  absorb(words[0]);
  absorb(words[1]);
  absorb(std::uint64_t{16} << 56);  // the length of the input in the last byte, as the paper asks
  v2 ^= 0xff;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace coturn_guard
