// SPDX-License-Identifier: GPL-3.0-or-later
// The memory of attribution: records of coturn's sessions, keyed by log and session number, and per record a
// list of what waits for its client. Bounded by Attribution's constants, allocated as needed, hashed with a
// seed (an attacker makes sessions, not their numbers, but several logs share the table). What a record means
// is attribution's.
//
// Who can fill which table of the pipeline, and what goes first. "Forged" is whoever sends packets with
// made-up sources; "real" whoever completes handshakes or echoes a nonce, from addresses of its own (of IPv6
// as many as it likes, but networks are counted by /64).
//   table                      filled by                goes first
//   sessions (here)            forged: one a packet     what forged packets can have made; tombstones;
//                                                       with few offences waiting; those with many;
//                                                       logins only where they have over half
//   pending (here)             forged, real             with its session, in the same order
//   shared accusations         real: one a guess        the oldest, as lost; the same suspects are one case
//   announcements, trials      real, one a guess;       by lines and seconds, so that they fit; an endless
//                              their own lines forged   trial is ended, what is clear by then is charged
//   threads (announcements)    nobody: coturn's own     by collision; then more lines fit than must
//   waiting lines (testimony)  forged lines of a file   of those the oldest, as tainted; where all waiting
//                                                       are nobody's forgeries the newest, as claimed
//   living, brief ends         real connections         beyond the bound nothing is brief
//   ledgers, wide (judge)      real: what cannot be     one offence, then several, then who was banned,
//                              banned for is not kept   while each has more than its share; the oldest
//   tally (judge)              real                     one thing, while a quarter of it is that; oldest
//   credit (judge)             real: a login, or a      credit of bytes before that of logins; the longest
//                              busy connection          without earning
//   reports (judge)            forged floods            as the ledger; bans nobody, only tells
//   request meter (judge)      forged: one a packet     the longest silent
//   recipe mirror (judge)      forged lines of a file   the longest silent; bans nobody
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "model/address.hpp"
#include "model/flow.hpp"
#include "util/flat_index.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class SessionTable {
 public:
  using Index = FlatIndex::Index;
  static constexpr Index kNone = FlatIndex::kNone;

  // Each kind is a queue of its own, ordered by when a record was last seen. Who saves them knows their
  // numbers.
  enum class Kind : std::uint8_t {
    waiting,    // somebody real did something, or it is known whose it is
    logged_in,  // it had a login
    ended,      // a tombstone
    forgeable,  // all that is known of it can come from packets with a forged source
    heavy,      // as `waiting`, and kHeavy or more offences wait in it
    none
  };
  static constexpr std::uint32_t kHeavy = 5;

  struct Pending {
    std::uint64_t what = 0;   // Attributed::what
    std::uint32_t since = 0;  // when the window of `count` began
    std::uint32_t count = 0;
    std::uint32_t worst = 0;  // of the windows before: the most in one
    RuleId rule = 0;
    bool settled = false;  // charged: kept as the sum of a misdeed's rule
    Index next = kNone;
  };

  // One cache line.
  struct alignas(64) Record {
    std::uint64_t session = 0;
    std::uint64_t user = 0;  // hash of the name that logged in
    Address client;          // where tied
    std::uint16_t port = 0;
    Kind kind = Kind::none;
    bool tied : 1 = false;
    bool proven : 1 = false;  // the kernel confirmed the line that tied it
    bool fresh : 1 = true;    // Event::fresh of the last line
    bool logged_in : 1 = false;
    bool login_told : 1 = false;
    bool noted : 1 = false;    // among the changes
    bool saved : 1 = false;    // some state of it
    bool awaited : 1 = false;  // it is accused of something that is not decided yet
    std::uint32_t log = 0;
    std::uint32_t seen = 0;  // seconds
    Index pending = kNone;   // its list
    std::uint16_t pending_count = 0;
    bool handshaken : 1 = false;  // no forged packet made it
    bool shared : 1 = false;      // accused together with others
    bool moved : 1 = false;       // its client is another than the one that logged in (mobility)
    bool connected : 1 = false;   // a line about a connection named this client
    std::uint32_t hash = 0;
    Index older = kNone, newer = kNone;
  };
  static_assert(sizeof(Record) == 64);

  explicit SessionTable(const HashSeed& seed);

  [[nodiscard]] Record* find(std::uint32_t log, std::uint64_t session);
  // It must not be there, and the table not be full. Records stay where they are until they are erased.
  // It is Kind::forgeable.
  Record& insert(std::uint32_t log, std::uint64_t session, std::uint32_t time);
  void erase(Record& record);  // with what is pending of it
  void touch(Record& record, std::uint32_t time);
  void mark_logged_in(Record& record, std::uint32_t time);
  // To a kind that is worth more than its present one; kept otherwise.
  void raise(Record& record, Kind kind);
  void mark_ended(Record& record, std::uint32_t time);
  [[nodiscard]] Record* oldest(Kind kind);
  // Whom to forget for another, the longest silent first: what forged packets can have made, then what has
  // ended, then those that logged in where they take more than half of the table, then those of whom little
  // waits, then those of whom much does.
  [[nodiscard]] Record& least_wanted();

  [[nodiscard]] Pending* first(Record& record) { return at(record.pending); }
  [[nodiscard]] Pending* next(Pending& entry) { return at(entry.next); }
  // nullptr: the session has too many, or all sessions together have.
  Pending* add_pending(Record& record, const Pending& entry);
  // All sessions together have as many as fit.
  [[nodiscard]] bool is_full() const;
  // How many events waited in it.
  std::uint64_t clear_pending(Record& record);
  template <class Visit>
  void take_unsettled(Record& record, Visit visit) {
    keep_pending(record, [&](Pending& entry) {
      if (!entry.settled) visit(entry);
      return entry.settled;
    });
  }
  template <class Keep>
  void keep_pending(Record& record, Keep keep) {
    for (Index* link = &record.pending; *link != kNone;) {
      const Index index = *link;
      Pending& entry = *at(index);
      if (keep(entry)) {
        link = &entry.next;
        continue;
      }
      *link = entry.next;
      release(index);
      --record.pending_count;
    }
  }
  // In no order. The visited record may be erased.
  template <class Visit>
  void each(Visit visit) {
    for (Index index = 0; index < records_.used; ++index)
      if (Record& record = records_[index]; record.kind != Kind::none) visit(record);
  }

  // For who saves the table (judge/offender_table does the same): erase() notes by itself, the rest is the
  // owner's to note.
  struct Key {
    std::uint32_t log = 0;
    std::uint64_t session = 0;
  };
  void note_changes() { noting_ = true; }
  void note(Record& record);
  void note_gone(const Key& key);  // of one that is saved, and not here
  void note_everything();
  // `gone` and `changed` are called for each; true where all that was saved before is to be forgotten first.
  template <class Gone, class Changed>
  bool take_changes(Gone gone, Changed changed) {
    const bool everything = std::exchange(everything_, false);
    for (const Key& key : std::exchange(gone_, {})) gone(key);
    const auto visit = [&](Record& record) {
      record.noted = false;
      record.saved = true;
      changed(record);
    };
    const auto indexes = std::exchange(changed_, {});
    if (everything) each(visit);
    for (const Index index : indexes)
      if (Record& record = records_[index]; record.kind != Kind::none && record.noted) visit(record);
    return everything;
  }

  [[nodiscard]] std::size_t size() const { return index_.size(); }
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t kChunk = 1024;  // a pool grows by so many

  // Elements that never move, taken and given back.
  template <class T>
  struct Pool {
    std::vector<std::unique_ptr<T[]>> chunks;
    Index used = 0;  // ever
    T& operator[](Index index) { return chunks[index / kChunk][index % kChunk]; }
    Index grow() {
      if (used == chunks.size() * kChunk) chunks.push_back(std::make_unique<T[]>(kChunk));
      return used++;
    }
  };
  struct Queue {
    Index oldest = kNone, newest = kNone;
    std::size_t size = 0;
  };

  [[nodiscard]] Pending* at(Index index) { return index == kNone ? nullptr : &pending_[index]; }
  [[nodiscard]] std::uint32_t hash(std::uint32_t log, std::uint64_t session);
  [[nodiscard]] Index index_of(const Record& record);
  [[nodiscard]] Queue& queue(Kind kind) { return queues_[static_cast<std::size_t>(kind)]; }
  void enqueue(Index index, Kind kind, std::uint32_t time);
  void dequeue(Record& record);
  void release(Index pending);

  HashSeed seed_;
  FlatIndex index_;
  // The last key asked for, because a session that is not found is inserted next.
  std::uint64_t last_session_ = 0;
  std::uint32_t last_log_ = 0;
  std::uint32_t last_hash_;
  Pool<Record> records_;
  Pool<Pending> pending_;
  Index free_records_ = kNone;  // linked by newer
  Index free_pending_ = kNone;  // linked by next
  std::array<Queue, 5> queues_{};
  bool noting_ = false;
  bool everything_ = false;
  std::vector<Index> changed_;
  std::vector<Key> gone_;
};

}  // namespace coturn_guard
