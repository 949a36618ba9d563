// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/offender_table.hpp"

namespace coturn_guard {

OffenderTable::OffenderTable(const HashSeed& seed) : seed_(seed), slots_(kSmallestIndex) {}

std::uint32_t OffenderTable::hash(const Address& network) const {
  return static_cast<std::uint32_t>(siphash13(network.bytes(), seed_));
}

// Where the record is, or the free slot where it would be. Ends because the index is never full.
std::size_t OffenderTable::slot_of(std::uint32_t hash, const Address& network, unsigned length) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot].record != kNone; slot = (slot + 1) & mask) {
    if (slots_[slot].hash != hash) continue;
    const Offender& offender = at(slots_[slot].record);
    if (offender.network == network && offender.length == length) break;
  }
  return slot;
}

OffenderTable::Index OffenderTable::find(const Prefix& prefix) const {
  return slots_[slot_of(hash(prefix.network()), prefix.network(), prefix.length())].record;
}

OffenderTable::Index OffenderTable::insert(const Prefix& prefix) {
  if ((size_ + 1) * 5 > slots_.size() * 4) grow();
  const std::uint32_t hashed = hash(prefix.network());
  Index index = free_;
  if (index != kNone) {
    free_ = links_[index].newer;
  } else {
    index = static_cast<Index>(links_.size());
    if (index % kChunk == 0) chunks_.push_back(std::make_unique<Chunk>());
    links_.emplace_back();
  }
  Offender& offender = at(index);
  offender = Offender{};
  offender.network = prefix.network();
  offender.length = prefix.length() & 0xffU;
  slots_[slot_of(hashed, prefix.network(), prefix.length())] = Slot{index, hashed};
  link_newest(index, Worth::single);
  ++size_;
  return index;
}

void OffenderTable::erase(Index index) {
  const Offender& offender = at(index);
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole =
      slot_of(hash(offender.network), offender.network, static_cast<unsigned>(offender.length));
  // Shift back what was displaced past the hole: no tombstones, so a table that churns does not slow down.
  for (std::size_t next = (hole + 1) & mask; slots_[next].record != kNone; next = (next + 1) & mask) {
    const std::size_t home = slots_[next].hash & mask;
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = Slot{};
  unlink(index);
  links_[index].newer = free_;
  free_ = index;
  --size_;
}

void OffenderTable::touch(Index index, Worth worth) {
  if (links_[index].worth == worth && links_[index].newer == kNone) return;
  unlink(index);
  link_newest(index, worth);
}

void OffenderTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& moved : old) {
    if (moved.record == kNone) continue;
    std::size_t slot = moved.hash & mask;
    while (slots_[slot].record != kNone) slot = (slot + 1) & mask;
    slots_[slot] = moved;
  }
}

void OffenderTable::link_newest(Index index, Worth worth) {
  Queue& queue = queues_[static_cast<std::size_t>(worth)];
  links_[index] = Link{kNone, queue.newest, worth};
  if (queue.newest != kNone)
    links_[queue.newest].newer = index;
  else
    queue.oldest = index;
  queue.newest = index;
  ++queue.size;
}

void OffenderTable::unlink(Index index) {
  const Link link = links_[index];
  Queue& queue = queues_[static_cast<std::size_t>(link.worth)];
  --queue.size;
  if (link.newer != kNone)
    links_[link.newer].older = link.older;
  else
    queue.newest = link.older;
  if (link.older != kNone)
    links_[link.older].newer = link.newer;
  else
    queue.oldest = link.newer;
}

std::size_t OffenderTable::bytes() const {
  return chunks_.size() * sizeof(Chunk) + slots_.capacity() * sizeof(Slot) +
         links_.capacity() * sizeof(Link) + chunks_.capacity() * sizeof(std::unique_ptr<Chunk>);
}

}  // namespace coturn_guard
