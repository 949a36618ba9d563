// SPDX-License-Identifier: GPL-3.0-or-later
#include "bans/ban_book.hpp"

#include <algorithm>
#include <limits>

namespace coturn_guard {

std::uint32_t BanBook::hash(const Prefix& prefix) const {
  const std::uint64_t hash = siphash13(prefix.network().bytes(), {seed_[0], seed_[1] ^ prefix.length()});
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

BanBook::Index BanBook::index_of(const Prefix& prefix) const {
  return index_.find(hash(prefix), [&](Index index) { return entries_[index].prefix == prefix; });
}

BanRecord BanBook::record_of(const Entry& entry) {
  return {.prefix = entry.prefix,
          .address = entry.address,
          .since = entry.since,
          .duration = std::chrono::seconds(entry.duration_seconds),
          .cause = entry.cause,
          .rule = *entry.rule,
          .evidence = entry.evidence,
          .points = entry.points,
          .earlier_bans = entry.earlier_bans,
          .reason = *entry.reason,
          .forced = entry.forced,
          .dropped_packets = entry.packets,
          .dropped_bytes = entry.bytes};
}

BanBook::Index BanBook::room() {
  if (index_.size() >= bound_) {
    erase(oldest_);
    ++evicted_;
  }
  if (!free_.empty()) {
    const Index index = free_.back();
    free_.pop_back();
    return index;
  }
  entries_.emplace_back();
  return static_cast<Index>(entries_.size() - 1);
}

void BanBook::expect(std::size_t bans) {
  bans = std::min(bans, bound_);
  entries_.reserve(bans);
  index_.expect(bans);
}

void BanBook::note(const BanRecord& record) {
  if (const Index known = index_of(record.prefix); known != kNone) erase(known);
  const Index index = room();
  constexpr std::chrono::seconds::rep kMost = std::numeric_limits<std::uint32_t>::max();
  entries_[index] = {
      .prefix = record.prefix,
      .cause = record.cause,
      .evidence = record.evidence,
      .forced = record.forced,
      .address = record.address,
      .earlier_bans = record.earlier_bans,
      .points = record.points,
      .duration_seconds = static_cast<std::uint32_t>(
          std::clamp(record.duration.count(), std::chrono::seconds::rep{0}, kMost)),
      .older = newest_,
      .since = record.since,
      .rule = texts_.take(record.rule),
      .reason = texts_.take(record.reason),
      .packets = record.dropped_packets,
      .bytes = record.dropped_bytes,
  };
  if (newest_ != kNone) entries_[newest_].newer = index;
  newest_ = index;
  if (oldest_ == kNone) oldest_ = index;
  index_.insert(hash(record.prefix), index);
}

std::optional<BanRecord> BanBook::find(const Prefix& prefix) const {
  const Index index = index_of(prefix);
  if (index == kNone) return std::nullopt;
  return record_of(entries_[index]);
}

void BanBook::forget(const Prefix& prefix) {
  if (const Index index = index_of(prefix); index != kNone) erase(index);
}

std::uint64_t BanBook::count(const Prefix& prefix, std::uint64_t packets, std::uint64_t bytes) {
  const Index index = index_of(prefix);
  if (index == kNone) return 0;
  Entry& entry = entries_[index];
  // Fewer than before: the kernel has counted from 0 since, for another element of that name.
  const std::uint64_t fresh = packets >= entry.packets ? packets - entry.packets : packets;
  entry.packets = packets;
  entry.bytes = bytes;
  return fresh;
}

std::vector<BanRecord> BanBook::latest(std::size_t most) const {
  std::vector<BanRecord> records;
  for (Index index = newest_; index != kNone && records.size() < most; index = entries_[index].older)
    records.push_back(record_of(entries_[index]));
  return records;
}

void BanBook::unlink(Index index) {
  const Entry& entry = entries_[index];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

void BanBook::erase(Index index) {
  unlink(index);
  index_.erase(hash(entries_[index].prefix), index);
  texts_.give_back(entries_[index].rule);
  texts_.give_back(entries_[index].reason);
  entries_[index] = {};
  free_.push_back(index);
}

}  // namespace coturn_guard
