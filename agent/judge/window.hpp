// SPDX-License-Identifier: GPL-3.0-or-later
// The offences of one address in the sliding window, in 64 bytes, so that hundreds of thousands of addresses
// fit. Up to kSlots offences are kept exactly, to the millisecond. When one more comes, two neighbours are
// joined and take the OLDER time of both: joined points leave the window early, never late, so nobody is ever
// banned for what lies outside it. Joined are those whose joining costs the least time; the cost is below
// 2/kSlots of the window, a quarter.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "model/flow.hpp"

namespace coturn_guard {

// Milliseconds on the ledger's own scale; 40 bits are 34 years.
using Tick = std::uint64_t;
inline constexpr unsigned kTickBits = 40;

class Window {
 public:
  static constexpr unsigned kSlots = 8;
  static constexpr std::int32_t kMostMilli = (1 << 24) - 1;  // what a slot can hold: 16777 points

  // Forgets what is `length` old or older.
  void slide(Tick now, Tick length);
  // Adds points at `now`, which is not before any earlier call's. Slide first: a full window joins what lies
  // in it.
  void add(Tick now, Points points);
  void clear() { slots_.fill(0); }

  [[nodiscard]] Points sum() const;
  [[nodiscard]] bool empty() const { return slots_[0] == 0; }
  [[nodiscard]] unsigned count() const;

 private:
  // Time in the upper 40 bits, points in the lower 24; oldest first; 0 is a free slot, and those come last.
  std::array<std::uint64_t, kSlots> slots_{};
};

}  // namespace coturn_guard
