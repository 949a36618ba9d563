// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/offender_table.hpp"

#include <utility>

namespace coturn_guard {

OffenderTable::OffenderTable(const HashSeed& seed) : seed_(seed) {}

std::uint32_t OffenderTable::hash(const Address& network) const {
  return static_cast<std::uint32_t>(siphash13(network.bytes(), seed_));
}

OffenderTable::Index OffenderTable::find(const Prefix& prefix) const {
  return index_.find(hash(prefix.network()), [&](Index index) {
    return at(index).network == prefix.network() && at(index).length == prefix.length();
  });
}

OffenderTable::Index OffenderTable::insert(const Prefix& prefix) {
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
  index_.insert(hash(prefix.network()), index);
  links_[index].live = true;
  links_[index].saved = false;
  link_newest(index, Worth::single);
  note(index);
  return index;
}

void OffenderTable::erase(Index index) {
  const Offender& offender = at(index);
  if (links_[index].saved) note_gone(Prefix(offender.network, offender.length));
  index_.erase(hash(offender.network), index);
  unlink(index);
  links_[index].live = false;
  links_[index].newer = free_;
  free_ = index;
}

void OffenderTable::touch(Index index, Worth worth) {
  note(index);
  if (links_[index].worth == worth && links_[index].newer == kNone) return;
  unlink(index);
  link_newest(index, worth);
}

void OffenderTable::note(Index index) {
  if (!noting_ || std::exchange(links_[index].noted, true)) return;
  changed_.push_back(index);
}

void OffenderTable::note_gone(const Prefix& prefix) {
  if (!noting_ || everything_) return;
  gone_.push_back(prefix);
  if (gone_.size() <= kMostGone) return;
  everything_ = true;
  gone_.clear();
}

void OffenderTable::mark_saved(Index index) {
  links_[index].saved = true;
  if (links_[index].noted && !changed_.empty() && changed_.back() == index) {
    changed_.pop_back();
    links_[index].noted = false;
  }
}

OffenderTable::Changes OffenderTable::take_changes() {
  Changes changes{std::exchange(everything_, false), std::exchange(gone_, {}), std::exchange(changed_, {})};
  for (const Index index : changes.changed) links_[index].noted = false;
  if (changes.everything) {
    changes.changed.clear();
    for (const Queue& queue : queues_)
      for (Index index = queue.oldest; index != kNone; index = links_[index].newer)
        changes.changed.push_back(index);
  } else {
    std::erase_if(changes.changed, [this](Index index) { return !links_[index].live; });
  }
  for (const Index index : changes.changed) links_[index].saved = true;
  return changes;
}

void OffenderTable::link_newest(Index index, Worth worth) {
  Queue& queue = queues_[static_cast<std::size_t>(worth)];
  links_[index].newer = kNone;
  links_[index].older = queue.newest;
  links_[index].worth = worth;
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
  return chunks_.size() * sizeof(Chunk) + index_.bytes() + links_.capacity() * sizeof(Link) +
         chunks_.capacity() * sizeof(std::unique_ptr<Chunk>);
}

}  // namespace coturn_guard
