// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/ban_table.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

constexpr std::size_t kFirstBuckets = 64;
// How long before the kernel's timeout ends a longer ban is renewed: time for some attempts, but no more than
// half of the timeout where that is short.
constexpr std::chrono::seconds kMargin = std::chrono::hours(1);

}  // namespace

BanTable::BanTable(std::size_t bound, std::chrono::seconds longest_timeout, const HashSeed& seed)
    : bound_(bound), longest_timeout_(longest_timeout), seed_(seed), buckets_(kFirstBuckets, kNone) {}

std::size_t BanTable::bucket_of(const Prefix& prefix) const {
  const std::uint64_t hash =
      siphash13(prefix.network().bytes(), seed_) + prefix.length() * 0x9e3779b97f4a7c15ULL;
  return (hash ^ hash >> 32) & (buckets_.size() - 1);
}

std::size_t BanTable::find_bucket(const Prefix& prefix) const {
  std::size_t bucket = bucket_of(prefix);
  while (buckets_[bucket] != kNone && slots_[buckets_[bucket]].prefix != prefix)
    bucket = (bucket + 1) & (buckets_.size() - 1);
  return bucket;
}

BanTable::Time BanTable::due_after(Time until, Time now) const {
  if (until == kForever) return kForever;
  if (until - now <= longest_timeout_) return until;
  return now + longest_timeout_ - std::min<std::chrono::seconds>(kMargin, longest_timeout_ / 2);
}

BanTable::Change BanTable::ban(const Prefix& prefix, Time until, Time now) {
  if (const Index known = find(prefix); known != kNone) {
    Slot& slot = slots_[known];
    if (until <= slot.until) return Change::unchanged;
    slot.until = until;
    slot.due = due_after(until, now);
    sift(known);
    return Change::lengthened;
  }
  if (until <= now) return Change::unchanged;
  if (size(prefix.is_v4()) >= bound_) return Change::refused;
  if ((heap_.size() + 1) * 4 > buckets_.size() * 3) grow();
  Index fresh = free_;
  if (fresh == kNone) {
    fresh = static_cast<Index>(slots_.size());
    slots_.emplace_back();
  } else {
    free_ = slots_[fresh].place;
  }
  slots_[fresh] = Slot{prefix, true, static_cast<Index>(heap_.size()), until, due_after(until, now)};
  buckets_[find_bucket(prefix)] = fresh;
  heap_.push_back(fresh);
  sift(fresh);
  if (prefix.is_v4()) ++live_v4_;
  return Change::added;
}

bool BanTable::remove(const Prefix& prefix) {
  const Index slot = find(prefix);
  if (slot == kNone) return false;
  erase(slot);
  return true;
}

void BanTable::erase(Index index) {
  // Open addressing without tombstones: what stands behind the gap in the same run moves into it.
  const std::size_t mask = buckets_.size() - 1;
  std::size_t gap = find_bucket(slots_[index].prefix);
  for (std::size_t next = (gap + 1) & mask; buckets_[next] != kNone; next = (next + 1) & mask) {
    const std::size_t home = bucket_of(slots_[buckets_[next]].prefix);
    if (((next - home) & mask) < ((next - gap) & mask)) continue;
    buckets_[gap] = buckets_[next];
    gap = next;
  }
  buckets_[gap] = kNone;

  const std::size_t position = slots_[index].place;
  const Index last = heap_.back();
  heap_.pop_back();
  if (last != index) {
    place(last, position);
    sift(last);
  }
  if (slots_[index].prefix.is_v4()) --live_v4_;
  slots_[index] = Slot{};
  slots_[index].place = free_;
  free_ = index;
}

void BanTable::place(Index slot, std::size_t position) {
  heap_[position] = slot;
  slots_[slot].place = static_cast<Index>(position);
}

void BanTable::sift(Index slot) {
  std::size_t position = slots_[slot].place;
  const Time due = slots_[slot].due;
  while (position > 0 && due < slots_[heap_[(position - 1) / 2]].due) {
    place(heap_[(position - 1) / 2], position);
    position = (position - 1) / 2;
  }
  for (std::size_t child = 2 * position + 1; child < heap_.size(); child = 2 * position + 1) {
    if (child + 1 < heap_.size() && slots_[heap_[child + 1]].due < slots_[heap_[child]].due) ++child;
    if (due <= slots_[heap_[child]].due) break;
    place(heap_[child], position);
    position = child;
  }
  place(slot, position);
}

void BanTable::grow() {
  buckets_.assign(buckets_.size() * 2, kNone);
  for (const Index slot : heap_) buckets_[find_bucket(slots_[slot].prefix)] = slot;
}

BanTable::Due BanTable::take_due(Time now) {
  Due due;
  while (!heap_.empty() && slots_[heap_[0]].due <= now) {
    const Index index = heap_[0];
    Slot& slot = slots_[index];
    if (slot.until <= now) {
      due.expired.push_back(slot.prefix);
      erase(index);
      continue;
    }
    due.rearm.push_back(slot.prefix);
    slot.due = due_after(slot.until, now);
    sift(index);
  }
  return due;
}

void BanTable::retry(const Prefix& prefix, Time at) {
  const Index index = find(prefix);
  if (index == kNone) return;
  slots_[index].due = std::min(slots_[index].due, at);
  sift(index);
}

std::optional<BanTable::Time> BanTable::expiry(const Prefix& prefix) const {
  const Index slot = find(prefix);
  if (slot == kNone) return std::nullopt;
  return slots_[slot].until;
}

std::uint32_t BanTable::kernel_timeout(Time until, Time now) const {
  if (until == kForever) return 0;
  const auto rest = std::chrono::ceil<std::chrono::seconds>(until - now);
  return static_cast<std::uint32_t>(std::clamp(rest, std::chrono::seconds{1}, longest_timeout_).count());
}

std::optional<BanTable::Time> BanTable::next_due() const {
  if (heap_.empty()) return std::nullopt;
  return slots_[heap_[0]].due;
}

std::vector<Prefix> BanTable::prefixes() const {
  std::vector<Prefix> all;
  all.reserve(heap_.size());
  for (const Index slot : heap_) all.push_back(slots_[slot].prefix);
  return all;
}

const Prefix* BanTable::at(std::size_t slot) const {
  return slot < slots_.size() && slots_[slot].live ? &slots_[slot].prefix : nullptr;
}

}  // namespace coturn_guard
