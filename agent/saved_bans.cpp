// SPDX-License-Identifier: GPL-3.0-or-later
#include "saved_bans.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace coturn_guard {
namespace {

constexpr std::size_t kPrunedBuckets = 8192;  // a tick: below a millisecond

}  // namespace

std::uint16_t SavedBans::name(std::string_view rule) {
  const auto known = std::find(names_.begin(), names_.end(), rule);
  if (known != names_.end()) return static_cast<std::uint16_t>(known - names_.begin());
  if (names_.size() >= std::numeric_limits<std::uint16_t>::max()) return 0;
  names_.emplace_back(rule);
  return static_cast<std::uint16_t>(names_.size() - 1);
}

void SavedBans::note(const Prefix& network, Entry& entry) {
  if (!std::exchange(entry.noted, true)) noted_.push_back(network);
}

void SavedBans::put(const SavedBan& ban, std::uint64_t now) {
  Entry& entry = entries_[ban.network];
  if (ban.until <= entry.until) return;
  const std::uint64_t since = entry.until > now ? entry.since : ban.since;
  const bool noted = entry.noted;
  const bool saved = entry.saved;
  fill(entry, ban);
  entry.since = since;
  entry.noted = noted;
  entry.saved = saved;
  note(ban.network, entry);
}

void SavedBans::fill(Entry& entry, const SavedBan& ban) {
  if (!reasons_.empty()) reasons_.erase(ban.network);
  entry = {.address = ban.address,
           .until = ban.until,
           .since = ban.since,
           .points_milli = ban.points_milli,
           .earlier_bans = ban.earlier_bans,
           .rule = name(ban.rule),
           .evidence = ban.evidence,
           .cause = ban.cause,
           .forced = ban.forced};
  if (!ban.reason.empty()) reasons_[ban.network] = ban.reason;
}

void SavedBans::ended(const Prefix& network) {
  const auto known = entries_.find(network);
  if (known == entries_.end()) return;
  if (known->second.saved) gone_.push_back(network);
  entries_.erase(known);
  reasons_.erase(network);
}

void SavedBans::prune(std::uint64_t now) {
  std::vector<Prefix> over;
  for (std::size_t i = std::min(kPrunedBuckets, entries_.bucket_count()); i > 0; --i) {
    next_bucket_ = next_bucket_ + 1 < entries_.bucket_count() ? next_bucket_ + 1 : 0;
    for (auto entry = entries_.begin(next_bucket_); entry != entries_.end(next_bucket_); ++entry)
      if (entry->second.until <= now) over.push_back(entry->first);
  }
  for (const Prefix& network : over) ended(network);
}

void SavedBans::load(const std::vector<SavedBan>& saved) {
  entries_.reserve(saved.size());
  for (const SavedBan& ban : saved) {
    Entry& entry = entries_[ban.network];
    fill(entry, ban);
    entry.saved = true;
  }
}

SavedBan SavedBans::saved(const Prefix& network, const Entry& entry) const {
  const auto reason = reasons_.find(network);
  return {.network = network,
          .address = entry.address,
          .until = entry.until,
          .since = entry.since,
          .cause = entry.cause,
          .rule = names_[entry.rule],
          .evidence = entry.evidence,
          .points_milli = entry.points_milli,
          .earlier_bans = entry.earlier_bans,
          .forced = entry.forced,
          .reason = reason == reasons_.end() ? "" : reason->second};
}

void SavedBans::save_changes(StateBatch& batch, bool everything) {
  const auto noted = std::exchange(noted_, {});
  auto gone = std::exchange(gone_, {});
  batch.clear_bans = batch.clear_bans || everything;
  if (everything) {
    for (auto& [network, entry] : entries_) {
      entry.noted = false;
      entry.saved = true;
      batch.bans.push_back(saved(network, entry));
    }
    return;
  }
  batch.bans_gone.insert(batch.bans_gone.end(), gone.begin(), gone.end());
  for (const Prefix& network : noted) {
    const auto known = entries_.find(network);
    if (known == entries_.end() || !std::exchange(known->second.noted, false)) continue;
    known->second.saved = true;
    batch.bans.push_back(saved(network, known->second));
  }
}

// Pointers are sorted, not bans with their texts: there may be a million.
std::vector<const SavedBans::Entries::value_type*> SavedBans::by_age() const {
  std::vector<const Entries::value_type*> bans;
  bans.reserve(entries_.size());
  for (const auto& ban : entries_) bans.push_back(&ban);
  std::sort(bans.begin(), bans.end(),
            [](const auto* a, const auto* b) { return a->second.since < b->second.since; });
  return bans;
}

std::optional<std::uint64_t> SavedBans::end_of(const Prefix& network) const {
  const auto known = entries_.find(network);
  if (known == entries_.end()) return std::nullopt;
  return known->second.until;
}

}  // namespace coturn_guard
