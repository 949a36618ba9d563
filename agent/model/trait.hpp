// SPDX-License-Identifier: GPL-3.0-or-later
// How a rule's offences weigh: what detect/ reads from the rule book and judge/ obeys, so that neither knows
// the other. Passive data.
#pragma once

#include <chrono>
#include <cstdint>

#include "model/flow.hpp"

namespace coturn_guard {

// Of what a rule counts different ones.
enum class Distinct : std::uint8_t { nothing, user, peer, session };

// How an address's good name (judge/credit) weighs against the offence.
enum class Credit : std::uint8_t {
  none,    // floods, probing: a customer must not do that either
  spares,  // resets, handshake noise: a login within the hour makes it nothing, a long busy connection half
  // Guessing, floods: divided by the number of users that logged in from there, if they are five or more, and
  // what is free is free for each of them.
  shared,
};

// So many different things of one network and rule are told apart; `free` and `from` above it mean it.
inline constexpr std::uint32_t kMostDifferent = 64;

struct Trait {
  Points points{};                 // for one offence
  std::chrono::seconds window{0};  // how long it counts; 0, or more than findtime: findtime
  Distinct distinct = Distinct::nothing;
  // The first so many within the window cost nothing: offences, or with `distinct` different ones (a
  // repetition of a known one then never costs).
  std::uint32_t free = 0;
  // With `distinct`: from the so many-th different one on within the window, a new one costs `points_from`.
  // 0: never.
  std::uint32_t from = 0;
  Points points_from{};
  Credit credit = Credit::none;
};

}  // namespace coturn_guard
