// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/session_table.hpp"

#include <array>
#include <cstring>

#include "detect/attribution.hpp"

namespace coturn_guard {
namespace {

std::uint32_t hash_of(std::uint32_t log, std::uint64_t session, const HashSeed& seed) {
  std::array<std::uint8_t, 16> key{};
  std::memcpy(key.data(), &session, sizeof session);
  std::memcpy(key.data() + sizeof session, &log, sizeof log);
  return static_cast<std::uint32_t>(siphash13(key, seed));
}

}  // namespace

SessionTable::SessionTable(const HashSeed& seed) : seed_(seed), last_hash_(hash_of(0, 0, seed)) {}

std::uint32_t SessionTable::hash(std::uint32_t log, std::uint64_t session) {
  if (session != last_session_ || log != last_log_) {
    last_session_ = session;
    last_log_ = log;
    last_hash_ = hash_of(log, session, seed_);
  }
  return last_hash_;
}

SessionTable::Record* SessionTable::find(std::uint32_t log, std::uint64_t session) {
  if (size() == 0) return nullptr;
  const Index index = index_.find(hash(log, session), [&](Index at) {
    return records_[at].session == session && records_[at].log == log;
  });
  return index == kNone ? nullptr : &records_[index];
}

SessionTable::Record& SessionTable::insert(std::uint32_t log, std::uint64_t session, std::uint32_t time) {
  Index index = free_records_;
  if (index == kNone)
    index = records_.grow();
  else
    free_records_ = records_[index].newer;
  Record& record = records_[index] = Record{};
  record.log = log;
  record.session = session;
  record.hash = hash(log, session);
  index_.insert(record.hash, index);
  enqueue(index, Kind::forgeable, time);
  return record;
}

// Its older neighbour in the queue knows: no hash is needed.
SessionTable::Index SessionTable::index_of(const Record& record) {
  return record.older == kNone ? queue(record.kind).oldest : records_[record.older].newer;
}

void SessionTable::note(Record& record) {
  if (!noting_ || everything_ || record.noted) return;
  record.noted = true;
  changed_.push_back(index_of(record));
  // Of sessions that came and went while nobody could write.
  if (changed_.size() > 4 * Attribution::kMaxSessions) note_everything();
}

void SessionTable::note_gone(const Key& key) {
  if (!noting_ || everything_) return;
  gone_.push_back(key);
  if (gone_.size() > Attribution::kMaxSessions) note_everything();
}

void SessionTable::note_everything() {
  if (!noting_) return;
  everything_ = true;
  changed_.clear();
  gone_.clear();
  each([](Record& record) { record.noted = false; });
}

void SessionTable::erase(Record& record) {
  const Index index = index_of(record);
  if (record.saved) note_gone({record.log, record.session});
  clear_pending(record);
  dequeue(record);
  index_.erase(record.hash, index);
  record.kind = Kind::none;
  record.newer = free_records_;
  free_records_ = index;
}

void SessionTable::enqueue(Index index, Kind kind, std::uint32_t time) {
  Record& record = records_[index];
  Queue& to = queue(kind);
  record.kind = kind;
  record.seen = time;
  record.newer = kNone;
  record.older = to.newest;
  (to.newest == kNone ? to.oldest : records_[to.newest].newer) = index;
  to.newest = index;
  ++to.size;
}

void SessionTable::dequeue(Record& record) {
  Queue& from = queue(record.kind);
  (record.older == kNone ? from.oldest : records_[record.older].newer) = record.newer;
  (record.newer == kNone ? from.newest : records_[record.newer].older) = record.older;
  --from.size;
}

void SessionTable::touch(Record& record, std::uint32_t time) {
  if (record.kind == Kind::ended || record.newer == kNone) {
    if (record.kind != Kind::ended) record.seen = time;
    return;
  }
  const Index index = index_of(record);
  dequeue(record);
  enqueue(index, record.kind, time);
}

void SessionTable::mark_logged_in(Record& record, std::uint32_t time) {
  record.logged_in = true;
  const Index index = index_of(record);
  dequeue(record);
  enqueue(index, Kind::logged_in, time);
}

void SessionTable::mark_ended(Record& record, std::uint32_t time) {
  const Index index = index_of(record);
  dequeue(record);
  enqueue(index, Kind::ended, time);
}

SessionTable::Record* SessionTable::oldest(Kind kind) {
  const Index index = queue(kind).oldest;
  return index == kNone ? nullptr : &records_[index];
}

void SessionTable::raise(Record& record, Kind kind) {
  const bool higher = record.kind == Kind::forgeable || (record.kind == Kind::waiting && kind == Kind::heavy);
  if (!higher || record.kind == kind) return;
  const Index index = index_of(record);
  const std::uint32_t time = record.seen;
  dequeue(record);
  enqueue(index, kind, time);
}

SessionTable::Record& SessionTable::least_wanted() {
  const bool too_many_users = queue(Kind::logged_in).size > Attribution::kMaxSessions / 2;
  const Kind first = too_many_users ? Kind::logged_in : Kind::waiting;
  for (const Kind kind : {Kind::forgeable, Kind::ended, first, Kind::heavy})
    if (queue(kind).size != 0) return records_[queue(kind).oldest];
  return records_[queue(Kind::logged_in).oldest];
}

SessionTable::Pending* SessionTable::add_pending(Record& record, const Pending& entry) {
  if (record.pending_count >= Attribution::kMaxPendingOfSession) return nullptr;
  Index index = free_pending_;
  if (index != kNone) {
    free_pending_ = pending_[index].next;
  } else {
    if (pending_.used >= Attribution::kMaxPending) return nullptr;
    index = pending_.grow();
  }
  Pending& added = pending_[index] = entry;
  added.next = record.pending;
  record.pending = index;
  ++record.pending_count;
  return &added;
}

bool SessionTable::is_full() const {
  return free_pending_ == kNone && pending_.used >= Attribution::kMaxPending;
}

void SessionTable::release(Index pending) {
  pending_[pending].next = free_pending_;
  free_pending_ = pending;
}

std::uint64_t SessionTable::clear_pending(Record& record) {
  std::uint64_t unsettled = 0;
  keep_pending(record, [&](const Pending& entry) {
    if (!entry.settled) unsettled += std::uint64_t{entry.count} + entry.worst;
    return false;
  });
  return unsettled;
}

std::size_t SessionTable::bytes() const {
  return sizeof *this + index_.bytes() + records_.chunks.size() * kChunk * sizeof(Record) +
         pending_.chunks.size() * kChunk * sizeof(Pending);
}

}  // namespace coturn_guard
