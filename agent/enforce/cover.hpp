// SPDX-License-Identifier: GPL-3.0-or-later
// Which bans the kernel holds where its sets know no overlap (nf_tables' interval sets refuse one): of bans
// inside each other only the widest, and the narrower ones again when it ends. Plans the steps; knows no
// socket. The canaries take part as bans without an end. What was planned is taken back by undo().
#pragma once

#include <array>
#include <deque>
#include <set>
#include <span>
#include <vector>

#include "enforce/ban_table.hpp"
#include "enforce/element.hpp"

namespace coturn_guard {

class Cover {
 public:
  using Time = BanTable::Time;
  struct Step {
    enum class Kind : std::uint8_t {
      add,     // is not in the kernel, as far as we know
      renew,   // is there, and gets the time it has now
      remove,  // is there, or was until just now
    } kind = Kind::add;
    Prefix prefix;
    // Narrower bans, which last longer, wait behind it: it ends by our hand, and the kernel's own end comes
    // some seconds later (kOutlast), so that there is no moment without them.
    bool outlasts = false;
  };
  static constexpr std::chrono::seconds kOutlast{5};
  // How long after its end an element may still stand in the kernel (which got its time in whole seconds,
  // rounded up, and a little later than we counted).
  static constexpr std::chrono::seconds kFading{3};

  explicit Cover(const BanTable& bans);

  // The kernel's set holds exactly these, and the canary.
  void reset(Family family, std::span<const Element> held);
  // What the kernel has to hear for the table's word about the prefix to hold.
  void plan(const Prefix& prefix, std::vector<Step>& steps);
  void commit() { undo_.clear(); }
  void undo();
  // The ban is over in the table. True: narrower ones waited behind it, plan() it once more.
  [[nodiscard]] bool expired(const Prefix& prefix, Time now);

  [[nodiscard]] bool holds(const Prefix& prefix) const { return side(prefix).held.contains(prefix); }

 private:
  using Prefixes = std::set<Prefix>;  // of one family; a wider one stands before what is inside it
  struct Side {
    Prefixes held;     // in the kernel; no two overlap
    Prefixes covered;  // live, inside one that is held
  };
  struct Change {
    Prefixes* where;
    Prefix prefix;
    bool inserted;
  };

  [[nodiscard]] Side& side(const Prefix& prefix) {
    return sides_[static_cast<std::size_t>(family_of(prefix))];
  }
  [[nodiscard]] const Side& side(const Prefix& prefix) const {
    return sides_[static_cast<std::size_t>(family_of(prefix))];
  }
  [[nodiscard]] bool live(const Prefix& prefix) const;
  [[nodiscard]] static bool any_within(const Prefixes& prefixes, const Prefix& prefix);
  void insert(Prefixes& where, const Prefix& prefix);
  void erase(Prefixes& where, const Prefix& prefix);
  void hold(Side& side, const Prefix& prefix, std::vector<Step>& steps);
  void uncover(Side& side, const Prefix& ended, std::vector<Step>& steps);

  const BanTable& bans_;
  std::array<Side, 2> sides_;
  std::vector<Change> undo_;
  std::deque<std::pair<Time, Prefix>> fading_;  // ended, and perhaps still in the kernel until then
};

}  // namespace coturn_guard
