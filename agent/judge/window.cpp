// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/window.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

constexpr unsigned kTimeShift = 25;
constexpr std::uint64_t kJoined = std::uint64_t{1} << 24;
constexpr std::uint64_t kPointsMask = Window::kMostMilli;

constexpr Tick time_of(std::uint64_t slot) {
  return slot >> kTimeShift;
}
constexpr std::uint64_t milli_of(std::uint64_t slot) {
  return slot & kPointsMask;
}
constexpr std::uint64_t with_more(std::uint64_t slot, std::uint64_t milli) {
  return (slot & ~kPointsMask) | std::min(milli_of(slot) + milli, kPointsMask);
}

}  // namespace

void Window::slide(Tick now, Tick length) {
  unsigned gone = 0;
  while (gone < kSlots && slots_[gone] != 0 && time_of(slots_[gone]) + length <= now) ++gone;
  if (gone == 0) return;
  std::rotate(slots_.begin(), slots_.begin() + gone, slots_.end());
  std::fill(slots_.end() - gone, slots_.end(), 0);
}

void Window::add(Tick time, Points points) {
  if (points.milli <= 0) return;
  const unsigned used = count();
  const auto milli = static_cast<std::uint64_t>(points.milli);
  unsigned place = used;
  while (place > 0 && time_of(slots_[place - 1]) > time) --place;
  // A slot of its own inside the stretch of a joined one would cut that stretch short, and the next joining
  // would not know how much time it really costs.
  const bool inside = place > 0 && place < used && (slots_[place - 1] & kJoined) != 0;
  if (inside || (place > 0 && time_of(slots_[place - 1]) == time))
    slots_[place - 1] = with_more(slots_[place - 1], milli);
  else
    insert(place, with_more(time << kTimeShift, milli));
}

void Window::insert(unsigned place, std::uint64_t fresh) {
  if (slots_.back() == 0) {
    std::copy_backward(slots_.begin() + place, slots_.end() - 1, slots_.end());
    slots_[place] = fresh;
    return;
  }
  std::array<std::uint64_t, kSlots + 1> all;
  std::copy(slots_.begin(), slots_.begin() + place, all.begin());
  all[place] = fresh;
  std::copy(slots_.begin() + place, slots_.end(), all.begin() + place + 1);
  // Joining slot i into i - 1 moves everything up to the beginning of slot i + 1 back to the beginning of
  // slot i - 1.
  unsigned cheapest = 1;
  for (unsigned i = 2; i < kSlots; ++i)
    if (time_of(all[i + 1]) - time_of(all[i - 1]) < time_of(all[cheapest + 1]) - time_of(all[cheapest - 1]))
      cheapest = i;
  all[cheapest - 1] = with_more(all[cheapest - 1], milli_of(all[cheapest])) | kJoined;
  std::copy(all.begin() + cheapest + 1, all.end(), all.begin() + cheapest);
  std::copy(all.begin(), all.begin() + kSlots, slots_.begin());
}

void Window::shift_back(Tick by) {
  for (auto& slot : slots_)
    if (slot != 0) slot -= std::min(by, time_of(slot)) << kTimeShift;
}

bool Window::restore(const std::array<std::uint64_t, kSlots>& slots, Tick now) {
  std::uint64_t before = 0;
  bool ended = false;
  for (const auto slot : slots) {
    const bool in_order = slot == 0 || (!ended && time_of(slot) >= before && milli_of(slot) > 0);
    if (!in_order || time_of(slot) > now) return false;
    ended = slot == 0;
    before = time_of(slot);
  }
  slots_ = slots;
  return true;
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
