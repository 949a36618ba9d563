// SPDX-License-Identifier: GPL-3.0-or-later
// What of it outlives the process.
#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "detect/attribution_state.hpp"
#include "util/packed.hpp"

namespace coturn_guard {
namespace {

using Record = SessionTable::Record;
using Pending = SessionTable::Pending;

std::string session_key(const SessionTable::Key& key) {
  return PackedWriter().number(key.log).number(key.session).take();
}

}  // namespace

SavedRecord Attribution::State::saved(Record& record) {
  PackedWriter value;
  value.number(record.user)
      .raw({reinterpret_cast<const char*>(record.client.bytes().data()), record.client.bytes().size()})
      .number(record.port)
      .number(static_cast<std::uint64_t>(record.kind))
      .number(std::uint64_t{record.tied} | std::uint64_t{record.proven} << 1 |
              std::uint64_t{record.logged_in} << 2 | std::uint64_t{record.login_told} << 3 |
              std::uint64_t{record.moved} << 4 | std::uint64_t{record.connected} << 5)
      .number(record.seen);
  for (Pending* entry = table.first(record); entry != nullptr; entry = table.next(*entry))
    value.number(entry->rule)
        .number(entry->what)
        .number(entry->since)
        .number(entry->count)
        .number(entry->worst)
        .number(entry->settled ? 1 : 0);
  return {SavedRecord::Kind::session, session_key({record.log, record.session}), value.take()};
}

// False: it is none of ours.
bool Attribution::State::load(const SavedRecord& from, const std::vector<std::optional<RuleId>>& rules,
                              std::uint32_t now) {
  PackedReader key(from.key);
  const auto log = static_cast<std::uint32_t>(key.number());
  const std::uint64_t session = key.number();
  PackedReader value(from.value);
  const std::uint64_t user = value.number();
  const std::string_view client = value.raw(std::tuple_size_v<Address::Bytes>);
  const auto port = static_cast<std::uint16_t>(value.number());
  const auto kind = static_cast<SessionTable::Kind>(value.number());
  const std::uint64_t flags = value.number();
  const std::uint64_t seen = value.number();
  if (!key.complete() || !value.good() || kind >= SessionTable::Kind::none || seen > now) return false;
  if (table.find(log, session) != nullptr || table.size() >= kMaxSessions) return false;
  const auto time = static_cast<std::uint32_t>(seen);
  Record& record = table.insert(log, session, time);
  record.user = user;
  Address::Bytes bytes{};
  std::copy(client.begin(), client.end(), bytes.begin());
  record.client = Address(bytes);
  record.port = port;
  record.tied = (flags & 1) != 0;
  record.proven = (flags & 2) != 0;
  record.fresh = false;
  if ((flags & 4) != 0) table.mark_logged_in(record, time);
  record.login_told = (flags & 8) != 0;
  record.moved = (flags & 16) != 0;
  record.connected = (flags & 32) != 0;
  if (kind == SessionTable::Kind::ended) table.mark_ended(record, time);
  if (kind == SessionTable::Kind::waiting || kind == SessionTable::Kind::heavy) table.raise(record, kind);
  record.saved = true;
  while (!value.complete()) {
    const std::uint64_t rule = value.number();
    Pending entry;
    entry.what = value.number();
    entry.since = static_cast<std::uint32_t>(std::min<std::uint64_t>(value.number(), now));
    entry.count = static_cast<std::uint32_t>(value.number());
    entry.worst = static_cast<std::uint32_t>(value.number());
    entry.settled = value.number() != 0;
    if (!value.good()) {
      forget(record);
      return false;
    }
    const std::uint64_t lost = entry.settled ? 0 : std::uint64_t{entry.count} + entry.worst;
    if (rule >= rules.size() || !rules[rule]) {
      counters.unattributed += lost;  // its rule is gone
      continue;
    }
    entry.rule = *rules[rule];
    if (table.add_pending(record, entry) != nullptr)
      waiting += lost;
    else
      counters.unattributed += lost;
  }
  return true;
}

void Attribution::load(const std::vector<SavedRecord>& records,
                       const std::vector<std::optional<RuleId>>& rules, const Now& now) {
  // By when they were seen, as the queues are.
  std::vector<std::pair<std::uint64_t, const SavedRecord*>> in_order;
  for (const SavedRecord& record : records) {
    if (record.kind != SavedRecord::Kind::session) continue;
    PackedReader value(record.value);
    value.number();
    value.raw(std::tuple_size_v<Address::Bytes>);
    for (int skipped = 0; skipped < 3; ++skipped) value.number();
    in_order.emplace_back(value.number(), &record);
  }
  std::sort(in_order.begin(), in_order.end());
  const std::uint32_t time = state_->seconds(now);
  for (const auto& [seen, record] : in_order) {
    if (state_->load(*record, rules, time)) continue;
    PackedReader key(record->key);
    const auto log = static_cast<std::uint32_t>(key.number());
    state_->table.note_gone({log, key.number()});
  }
  // Numbers of rules may be others.
  bool same = true;
  for (std::size_t i = 0; i < rules.size(); ++i) same = same && rules[i] == static_cast<RuleId>(i);
  if (!same) note_everything();
}

void Attribution::save_changes(StateBatch& batch) {
  const bool everything = state_->table.take_changes(
      [&](const SessionTable::Key& key) {
        batch.records_gone.push_back({SavedRecord::Kind::session, session_key(key)});
      },
      [&](Record& record) { batch.records.push_back(state_->saved(record)); });
  if (everything) batch.clear_records.push_back(SavedRecord::Kind::session);
}

void Attribution::note_everything() {
  state_->table.note_everything();
}

}  // namespace coturn_guard
