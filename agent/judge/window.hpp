// SPDX-License-Identifier: GPL-3.0-or-later
// The offences of one address in the sliding window, in 64 bytes, so that hundreds of thousands of addresses
// fit. Up to kSlots moments are kept exactly, to the millisecond. When one more comes, two neighbours are
// joined and take the OLDER time of both: joined points leave the window early, never late, so nobody is ever
// banned for what lies outside it. Joined are those whose joining costs the least time; the cost is below
// 2/(kSlots - 1) of the window, in whatever order the moments come.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "model/flow.hpp"

namespace coturn_guard {

// Milliseconds on the ledger's own scale; 39 bits are 17 years.
using Tick = std::uint64_t;
inline constexpr unsigned kTickBits = 39;

class Window {
 public:
  static constexpr unsigned kSlots = 8;
  static constexpr std::int32_t kMostMilli = (1 << 24) - 1;  // what a slot can hold: 16777 points

  // Forgets what is `length` old or older; `now` may lie before some of it.
  void slide(Tick now, Tick length);
  // Adds points at `time`, which may lie before what is there already (how a rule has a window of its own:
  // its points are entered early, so that they leave early). Slide first: a full window joins what lies in
  // it.
  void add(Tick time, Points points);
  // Everything happened so much earlier, but not before the scale's beginning.
  void shift_back(Tick by);
  void clear() { slots_.fill(0); }

  // As they are, for who saves them. What is no window (order, gaps, a time after `now`) is refused.
  [[nodiscard]] const std::array<std::uint64_t, kSlots>& slots() const { return slots_; }
  [[nodiscard]] bool restore(const std::array<std::uint64_t, kSlots>& slots, Tick now);

  [[nodiscard]] Points sum() const;
  [[nodiscard]] bool empty() const { return slots_[0] == 0; }
  [[nodiscard]] unsigned count() const;

 private:
  void insert(unsigned place, std::uint64_t fresh);

  // Time in the upper 39 bits, then whether it was joined, then points in 24; oldest first; 0 is a free slot,
  // and those come last. What a joined slot holds happened between its time and the next slot's. The newest
  // is never joined, so there is a next one.
  std::array<std::uint64_t, kSlots> slots_{};
};

}  // namespace coturn_guard
