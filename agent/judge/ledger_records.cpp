// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge/ledger_records.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "model/packed_network.hpp"

namespace coturn_guard {
namespace {

constexpr auto kKind = SavedRecord::Kind::by_others;

SavedRecord record_of(const SavedOffender& offender) {
  PackedWriter value;
  value.number(offender.last_seen)
      .number(offender.banned_until)
      .number(offender.last_ban_seconds)
      .number(offender.earlier_bans);
  for (const std::uint64_t slot : offender.window) value.number(slot);
  return {kKind, network_key(offender.network), value.take()};
}

std::optional<SavedOffender> offender_of(const SavedRecord& record) {
  SavedOffender offender;
  PackedReader key(record.key);
  const bool named = unpack_network(key, offender.network) && key.complete();
  PackedReader value(record.value);
  offender.last_seen = value.number();
  offender.banned_until = value.number();
  const std::uint64_t last_ban = value.number(), earlier = value.number();
  for (std::uint64_t& slot : offender.window) slot = value.number();
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (!named || !value.complete() || last_ban > kMost || earlier > kMost) return std::nullopt;
  offender.last_ban_seconds = static_cast<std::uint32_t>(last_ban);
  offender.earlier_bans = static_cast<std::uint32_t>(earlier);
  return offender;
}

}  // namespace

void save_as_records(Ledger& ledger, StateBatch& batch) {
  StateBatch own;
  ledger.save_changes(own);
  if (own.clear_offenders) batch.clear_records.push_back(kKind);
  for (const Prefix& network : own.offenders_gone)
    batch.records_gone.push_back({kKind, network_key(network)});
  for (const SavedOffender& offender : own.offenders) batch.records.push_back(record_of(offender));
}

void load_from_records(Ledger& ledger, const std::vector<SavedRecord>& records, const Now& now) {
  std::vector<SavedOffender> offenders;
  bool all = true;
  for (const SavedRecord& record : records) {
    if (record.kind != kKind) continue;
    const auto offender = offender_of(record);
    all = all && offender;
    if (offender) offenders.push_back(*offender);
  }
  std::stable_sort(offenders.begin(), offenders.end(),
                   [](const SavedOffender& a, const SavedOffender& b) { return a.last_seen < b.last_seen; });
  for (const SavedOffender& offender : offenders) static_cast<void>(ledger.load(offender, now));
  if (!all) ledger.note_everything();
}

}  // namespace coturn_guard
