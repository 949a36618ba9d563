// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/what_numbers.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "detect/rest_name.hpp"
#include "detect/session_number.hpp"

namespace coturn_guard {
namespace {

std::uint64_t never_zero(std::uint64_t hash) {
  return hash == 0 ? 1 : hash;
}

std::uint64_t hash_words(std::uint64_t first, std::uint64_t second, const HashSeed& seed) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &first, sizeof first);
  std::memcpy(bytes.data() + sizeof first, &second, sizeof second);
  return siphash13(bytes, seed);
}

std::uint64_t hash_text(std::string_view text, const HashSeed& seed) {
  std::uint64_t hash = text.size();
  for (std::size_t at = 0; at < text.size(); at += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
    hash = hash_words(hash, word, seed);
  }
  return never_zero(hash);
}

}  // namespace

UserNumber user_number(std::string_view name, const HashSeed& seed) {
  if (name.empty()) return 0;
  const std::string_view lasting = lasting_name(name);
  if (lasting.empty()) return 1 + hash_text(name, seed) % kBareTimes;
  return std::max(hash_text(lasting, seed), kBareTimes + 1);
}

std::uint64_t what_number(const Event& event, Distinct distinct, const HashSeed& seed) {
  switch (distinct) {
    case Distinct::user: return user_number(event.user, seed);
    case Distinct::peer: return event.peer ? never_zero(siphash13(event.peer->bytes(), seed)) : 0;
    case Distinct::session:
      if (event.session.empty()) return 0;
      return never_zero(hash_words(session_number(event.session), event.log, seed));
    case Distinct::nothing: break;
  }
  return 0;
}

}  // namespace coturn_guard
