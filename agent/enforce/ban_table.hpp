// SPDX-License-Identifier: GPL-3.0-or-later
// Every live ban with its true expiry. The kernel's timeouts end after 24 days and can be shortened by a
// careless add; here a ban only ever gets longer, and the table says when the kernel must be told again.
// Bounded and compact (some 50 bytes a ban): a hash over slots, and a heap by the time when each slot next
// wants something. Never asks for the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/prefix.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

class BanTable {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time kForever =
      Time::max();  // an element that was put into the set by hand, without a timeout

  enum class Change : std::uint8_t { added, lengthened, unchanged, refused };

  struct Due {
    std::vector<Prefix> expired;  // gone from the table; the kernel forgets them by itself
    std::vector<Prefix> rearm;    // the kernel's timeout ends before the ban does
  };

  // `bound`: bans of each address family. `longest_timeout`: what the kernel can hold at most, over 1 s.
  BanTable(std::size_t bound, std::chrono::seconds longest_timeout, const HashSeed& seed);

  // Bans until then. Refused: the family is at its bound. A later end that stands already is left alone.
  Change ban(const Prefix& prefix, Time until, Time now);
  bool remove(const Prefix& prefix);
  // What the time has brought. Each entry of `rearm` counts as told; retry() where telling the kernel failed.
  [[nodiscard]] Due take_due(Time now);
  void retry(const Prefix& prefix, Time at);
  void set_bound(std::size_t bound) { bound_ = bound; }

  [[nodiscard]] std::optional<Time> expiry(const Prefix& prefix) const;
  // What the kernel is to be told for a ban that ends then: whole seconds, rounded up, at least 1; 0 is for
  // ever.
  [[nodiscard]] std::uint32_t kernel_timeout(Time until, Time now) const;
  [[nodiscard]] std::optional<Time> next_due() const;
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] std::size_t size(bool v4) const { return v4 ? live_v4_ : heap_.size() - live_v4_; }
  [[nodiscard]] std::vector<Prefix> prefixes() const;

  // Walks all bans bit by bit while the table changes: slots 0 to slots() - 1, a slot may be empty. A ban
  // never moves.
  [[nodiscard]] std::size_t slots() const { return slots_.size(); }
  [[nodiscard]] const Prefix* at(std::size_t slot) const;

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = UINT32_MAX;
  struct Slot {
    Prefix prefix;
    bool live = false;
    Index place = kNone;  // in the heap; of a free slot: the next free one
    Time until;
    Time due;
  };

  [[nodiscard]] std::size_t bucket_of(const Prefix& prefix) const;
  [[nodiscard]] std::size_t find_bucket(
      const Prefix& prefix) const;  // its own, or the empty one where it belongs
  [[nodiscard]] Index find(const Prefix& prefix) const { return buckets_[find_bucket(prefix)]; }
  [[nodiscard]] Time due_after(Time until, Time now) const;
  void grow();
  void erase(Index slot);
  void place(Index slot, std::size_t position);
  void sift(Index slot);

  std::size_t bound_;
  std::chrono::seconds longest_timeout_;
  HashSeed seed_;
  std::vector<Slot> slots_;
  Index free_ = kNone;
  std::vector<Index> buckets_;  // open addressing, a power of two
  std::vector<Index> heap_;     // slots, the earliest `due` first
  std::size_t live_v4_ = 0;
};

}  // namespace coturn_guard
