// SPDX-License-Identifier: GPL-3.0-or-later
#include "offence_book.hpp"

#include <algorithm>

namespace coturn_guard {

const OffenceBook::Dossier* OffenceBook::find(const Prefix& network) {
  const Endpoint key = key_of(network);
  if (const auto* const known = banned_.find(key)) return known;
  return suspects_.find(key);
}

void OffenceBook::clear(Dossier& dossier) {
  for (std::size_t i = 0; i < std::min<std::uint64_t>(dossier.noted, kKept); ++i)
    rules_.give_back(dossier.last[i].rule);
  dossier = {};
}

void OffenceBook::make_room(Table& table, std::size_t bound) {
  while (table.size() >= bound) {
    clear(*table.find(table.oldest().key));
    table.drop_oldest();
    ++evicted_;
  }
}

void OffenceBook::note(const Judged& judged, const Prefix& network, std::string_view rule) {
  const Endpoint key = key_of(network);
  const bool known_offender = banned_.find(key) != nullptr;
  if (!known_offender && suspects_.find(key) == nullptr) make_room(suspects_, kMaxSuspects);
  Dossier& dossier = (known_offender ? banned_ : suspects_).touch(key, judged.when.mono);
  Kept& kept = dossier.last[dossier.noted % kKept];
  if (dossier.noted >= kKept) rules_.give_back(kept.rule);
  ++dossier.noted;
  kept = {.when = judged.when.wall,
          .address = judged.offence.address,
          .rule = rules_.take(rule),
          .count = judged.offence.count,
          .weight = judged.weight,
          .in_window = judged.in_window,
          .evidence = judged.offence.evidence,
          .effect = judged.effect};
}

void OffenceBook::banned(const Prefix& network, const Now& now) {
  const Endpoint key = key_of(network);
  const auto* const suspect = suspects_.find(key);
  if (suspect == nullptr) return;
  if (banned_.find(key) == nullptr) make_room(banned_, kMaxBanned);
  banned_.touch(key, now.mono) = *suspect;
  suspects_.erase(key);
}

void OffenceBook::forget(const Prefix& network) {
  const Endpoint key = key_of(network);
  for (Table* const table : {&suspects_, &banned_}) {
    auto* const known = table->find(key);
    if (known == nullptr) continue;
    clear(*known);
    table->erase(key);
  }
}

std::vector<RecentOffence> OffenceBook::of(const Prefix& network) {
  std::vector<RecentOffence> all;
  const auto* const dossier = find(network);
  if (dossier == nullptr) return all;
  for (std::uint64_t i = dossier->noted - std::min<std::uint64_t>(dossier->noted, kKept); i < dossier->noted;
       ++i) {
    const Kept& kept = dossier->last[i % kKept];
    all.push_back({.when = kept.when,
                   .address = kept.address,
                   .rule = *kept.rule,
                   .evidence = kept.evidence,
                   .effect = kept.effect,
                   .count = kept.count,
                   .weight = kept.weight,
                   .in_window = kept.in_window});
  }
  return all;
}

std::uint64_t OffenceBook::noted(const Prefix& network) {
  const auto* const dossier = find(network);
  return dossier == nullptr ? 0 : dossier->noted;
}

}  // namespace coturn_guard
