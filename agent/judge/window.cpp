// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/window.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

constexpr unsigned kPointsBits = 24;
constexpr std::uint64_t kPointsMask = Window::kMostMilli;

constexpr Tick time_of(std::uint64_t slot) {
  return slot >> kPointsBits;
}
constexpr std::uint64_t milli_of(std::uint64_t slot) {
  return slot & kPointsMask;
}
constexpr std::uint64_t make(Tick time, std::uint64_t milli) {
  return time << kPointsBits | std::min(milli, kPointsMask);
}

}  // namespace

void Window::slide(Tick now, Tick length) {
  unsigned gone = 0;
  while (gone < kSlots && slots_[gone] != 0 && now - time_of(slots_[gone]) >= length) ++gone;
  if (gone == 0) return;
  std::rotate(slots_.begin(), slots_.begin() + gone, slots_.end());
  std::fill(slots_.end() - gone, slots_.end(), 0);
}

void Window::add(Tick now, Points points) {
  if (points.milli <= 0) return;
  const unsigned used = count();
  const std::uint64_t fresh = make(now, static_cast<std::uint64_t>(points.milli));
  if (used > 0 && time_of(slots_[used - 1]) == now) {
    slots_[used - 1] = make(now, milli_of(slots_[used - 1]) + milli_of(fresh));
    return;
  }
  if (used < kSlots) {
    slots_[used] = fresh;
    return;
  }
  std::array<std::uint64_t, kSlots + 1> all;
  std::copy(slots_.begin(), slots_.end(), all.begin());
  all.back() = fresh;
  // Joining slot i into i - 1 moves everything up to the beginning of slot i + 1 back to the beginning of
  // slot i - 1.
  unsigned cheapest = kSlots;
  Tick least = time_of(all[kSlots]) - time_of(all[kSlots - 1]);
  for (unsigned i = 1; i < kSlots; ++i) {
    const Tick cost = time_of(all[i + 1]) - time_of(all[i - 1]);
    if (cost < least) {
      least = cost;
      cheapest = i;
    }
  }
  all[cheapest - 1] = make(time_of(all[cheapest - 1]), milli_of(all[cheapest - 1]) + milli_of(all[cheapest]));
  std::copy(all.begin() + cheapest + 1, all.end(), all.begin() + cheapest);
  std::copy(all.begin(), all.begin() + kSlots, slots_.begin());
}

Points Window::sum() const {
  std::uint64_t milli = 0;
  for (const auto slot : slots_) milli += milli_of(slot);
  return {static_cast<std::int32_t>(milli)};  // 8 x 2^24 fits
}

unsigned Window::count() const {
  unsigned used = 0;
  while (used < kSlots && slots_[used] != 0) ++used;
  return used;
}

}  // namespace coturn_guard
