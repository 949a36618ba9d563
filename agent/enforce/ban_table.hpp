// SPDX-License-Identifier: GPL-3.0-or-later
// Every live ban with its true expiry. The kernel's timeouts end after 24 days and can be shortened by a
// careless add; here a ban only ever gets longer, and the table says when the kernel must be told again.
// Bounded and compact (some 50 bytes a ban): a hash over slots, and a heap by the time when each slot next
// wants something. Never asks for the time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "model/ban_record.hpp"
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

  // When a ban that begins now ends: one of kForeverBan never does.
  [[nodiscard]] static Time end_of(std::chrono::seconds duration, Time now) {
    return duration >= kForeverBan ? kForever : now + duration;
  }
  [[nodiscard]] std::optional<Time> expiry(const Prefix& prefix) const;
  // What the kernel is to be told for a ban that ends then: whole seconds, rounded up, at least 1; 0 is for
  // ever.
  [[nodiscard]] std::uint32_t kernel_timeout(Time until, Time now) const;
  [[nodiscard]] std::optional<Time> next_due() const;
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] std::size_t size(bool v4) const { return v4 ? live_v4_ : heap_.size() - live_v4_; }
  [[nodiscard]] bool full(bool v4) const { return size(v4) >= bound_; }
  [[nodiscard]] std::vector<Prefix> prefixes() const;

  // The ban of that family which ends soonest, of those that `may(prefix)` says yes to. It looks at the
  // kMostLooked next ones and no more.
  static constexpr std::size_t kMostLooked = 512;
  template <class May>
  [[nodiscard]] std::optional<Prefix> soonest(bool v4, May may) const {
    const auto later = [this](std::size_t a, std::size_t b) {
      return slots_[heap_[a]].due > slots_[heap_[b]].due;
    };
    std::vector<std::size_t> next;
    if (!heap_.empty()) next.push_back(0);
    for (std::size_t looked = 0; looked < kMostLooked && !next.empty(); ++looked) {
      std::pop_heap(next.begin(), next.end(), later);
      const std::size_t position = next.back();
      next.pop_back();
      const Slot& slot = slots_[heap_[position]];
      if (slot.prefix.is_v4() == v4 && slot.due == slot.until && may(slot.prefix)) return slot.prefix;
      for (const std::size_t child : {2 * position + 1, 2 * position + 2}) {
        if (child >= heap_.size()) continue;
        next.push_back(child);
        std::push_heap(next.begin(), next.end(), later);
      }
    }
    return std::nullopt;
  }

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
