// SPDX-License-Identifier: GPL-3.0-or-later
// The index of a table whose records have numbers: hash -> number, in one flat array of 8 bytes a slot. Where
// nothing is found it looks at no record, and growing copies nothing else. It neither hashes nor knows
// records: the table's owner does, with a seed where an attacker chooses the keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace coturn_guard {

class FlatIndex {
 public:
  using Index = std::uint32_t;
  static constexpr Index kNone = std::numeric_limits<Index>::max();

  FlatIndex() : slots_(kSmallest) {}

  // The record of that hash for which `is(Index)` is true; kNone: there is none.
  template <class Is>
  [[nodiscard]] Index find(std::uint32_t hash, Is is) const {
    for (std::size_t slot = hash & mask(); slots_[slot].record != kNone; slot = (slot + 1) & mask())
      if (slots_[slot].hash == hash && is(slots_[slot].record)) return slots_[slot].record;
    return kNone;
  }
  // Makes room for so many, so that they need not grow it.
  void expect(std::size_t records) {
    while (records * 5 > slots_.size() * 4) grow();
  }
  // It must not be there.
  void insert(std::uint32_t hash, Index record) {
    if ((size_ + 1) * 5 > slots_.size() * 4) grow();
    put({record, hash});
    ++size_;
  }
  // It must be there.
  void erase(std::uint32_t hash, Index record) {
    std::size_t hole = hash & mask();
    while (slots_[hole].record != record) hole = (hole + 1) & mask();
    // Shift back what was displaced past the hole: no tombstones, so a table that churns does not slow down.
    for (std::size_t next = (hole + 1) & mask(); slots_[next].record != kNone; next = (next + 1) & mask()) {
      const std::size_t home = slots_[next].hash & mask();
      if (((next - home) & mask()) < ((next - hole) & mask())) continue;
      slots_[hole] = slots_[next];
      hole = next;
    }
    slots_[hole] = Slot{};
    --size_;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  static constexpr std::size_t kSmallest = 1024;
  struct Slot {
    Index record = kNone;
    std::uint32_t hash = 0;  // spares a look at the record, and hashing again when the index grows
  };

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  // Ends because the index is never full.
  void put(const Slot& fresh) {
    std::size_t slot = fresh.hash & mask();
    while (slots_[slot].record != kNone) slot = (slot + 1) & mask();
    slots_[slot] = fresh;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& moved : old)
      if (moved.record != kNone) put(moved);
  }

  std::vector<Slot> slots_;  // open addressing, linear probing; the size is a power of two
  std::size_t size_ = 0;
};

}  // namespace coturn_guard
