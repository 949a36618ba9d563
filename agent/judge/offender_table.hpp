// SPDX-License-Identifier: GPL-3.0-or-later
// The ledger's memory: one 96-byte record per judged network, found by a seeded hash and kept in the order in
// which it was last seen, in three queues by how much would be lost with it. Records live in chunks that
// never move, the index is a flat table of 8 bytes a slot, so growing copies at most the index. It knows no
// policy and judges nobody.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "judge/window.hpp"
#include "model/prefix.hpp"
#include "util/flat_index.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

struct Offender {
  Address network;
  std::uint64_t banned_until : kTickBits;
  std::uint64_t last_ban_seconds : 24;  // at most 194 days: a longer ban is remembered as that long
  std::uint64_t last_seen : kTickBits;
  std::uint64_t length : 8;
  std::uint64_t earlier_bans : 16;
  Window window;
};
static_assert(sizeof(Offender) == 96);

// How much is lost with a record; the lowest goes first, as long as it has more than its share.
enum class Worth : std::uint8_t { single, repeated, banned };

class OffenderTable {
 public:
  using Index = FlatIndex::Index;
  static constexpr Index kNone = FlatIndex::kNone;

  explicit OffenderTable(const HashSeed& seed);

  [[nodiscard]] Index find(const Prefix& prefix) const;
  // The prefix must not be there yet. The record is blank but for its prefix, newest of Worth::single.
  Index insert(const Prefix& prefix);
  void erase(Index index);
  // Seen just now: newest of its queue.
  void touch(Index index, Worth worth);

  // For who saves the table: from here on it notes what changes. insert(), touch() and erase() note by
  // themselves.
  void note_changes() { noting_ = true; }
  void note(Index index);
  void note_gone(const Prefix& prefix);  // of a record that is saved, and not here
  void note_everything() { everything_ = noting_; }
  [[nodiscard]] bool saves_everything() const { return everything_; }
  void mark_saved(Index index);  // as it is now
  struct Changes {
    bool everything = false;  // forget what was saved before
    std::vector<Prefix> gone;
    std::vector<Index> changed;
  };
  [[nodiscard]] Changes take_changes();

  [[nodiscard]] Offender& at(Index index) { return chunks_[index / kChunk]->records[index % kChunk]; }
  [[nodiscard]] const Offender& at(Index index) const {
    return chunks_[index / kChunk]->records[index % kChunk];
  }
  [[nodiscard]] Index oldest(Worth worth) const { return queues_[static_cast<std::size_t>(worth)].oldest; }
  [[nodiscard]] std::size_t count(Worth worth) const { return queues_[static_cast<std::size_t>(worth)].size; }
  [[nodiscard]] Index next_newer(Index index) const { return links_[index].newer; }
  [[nodiscard]] std::size_t size() const { return index_.size(); }
  [[nodiscard]] std::size_t bytes() const;  // what it holds of memory

 private:
  static constexpr Index kChunk = 1024;

  struct Chunk {
    std::array<Offender, kChunk> records;
  };
  // Beyond it, everything is saved anew.
  static constexpr std::size_t kMostGone = 65'536;
  struct Link {
    Index newer = kNone, older = kNone;
    Worth worth = Worth::single;
    bool live = false;
    bool noted = false;  // in changed_
    bool saved = false;  // some state of it
  };
  struct Queue {
    Index newest = kNone, oldest = kNone;
    std::size_t size = 0;
  };
  [[nodiscard]] std::uint32_t hash(const Address& network) const;
  void link_newest(Index index, Worth worth);
  void unlink(Index index);

  HashSeed seed_;
  FlatIndex index_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::vector<Link> links_;  // apart from the records: moving one to the front touches its two neighbours
  std::array<Queue, 3> queues_;
  Index free_ = kNone;  // erased records, linked by `newer`
  bool noting_ = false;
  bool everything_ = false;
  std::vector<Index> changed_;  // each once; some of them erased since
  std::vector<Prefix> gone_;
};

}  // namespace coturn_guard
