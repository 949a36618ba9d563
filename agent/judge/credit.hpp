// SPDX-License-Identifier: GPL-3.0-or-later
// What an address earned by being a real customer within the last hour: logins, by how many users, and busy
// connections. It lightens offences (model/trait: Credit); it never forgives one by itself. Bounded: the
// least recently earned credit goes first, counted.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/clock.hpp"
#include "model/prefix.hpp"
#include "model/saved_state.hpp"
#include "model/trait.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

struct Standing {
  bool by_login = false;
  bool by_bytes = false;
  std::uint32_t users = 0;  // different ones that logged in: exact up to 16, then estimated to some hundreds
};

class CreditBook {
 public:
  static constexpr std::size_t kMaxNetworks = 65'536;
  static constexpr std::chrono::hours kLasts{1};

  explicit CreditBook(const HashSeed& seed);
  CreditBook(CreditBook&&) noexcept;
  CreditBook& operator=(CreditBook&&) noexcept;
  ~CreditBook();

  void logged_in(const Prefix& network, std::uint64_t user, const Now& now);
  void was_busy(const Prefix& network, const Now& now);
  // Costs a look-up; by what a login or a busy connection an hour ago earned it is over to the millisecond,
  // while the estimate of many users forgets by ten minutes.
  [[nodiscard]] Standing standing(const Prefix& network, const Now& now) const;
  // Somebody whom a ban would hurt: he logged in within the hour, or, where the log tells of no logins at
  // all, had a busy connection. Bytes alone are too cheap where logins are known.
  [[nodiscard]] bool is_customer(const Standing& standing, const Now& now) const;
  // How many of those there are. Looks through all.
  [[nodiscard]] std::size_t customers(const Now& now) const;
  // It carries at least 80 % of the last hour's logins, at least 20 of them by at least 5 users: a proxy or a
  // gateway in front of us, and a ban of it would be a ban of everybody.
  [[nodiscard]] std::optional<Prefix> gateway(const Now& now) const;

  // As Ledger's and Attribution's. What a busy connection earned is noted once a minute.
  void begin(std::chrono::steady_clock::time_point origin);
  void load(const std::vector<SavedRecord>& records, const Now& now);
  void save_changes(StateBatch& batch);
  void note_everything();

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t evicted() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The trait of what others can make an honest client do (Trait::by_others), as it holds for a good name. Many
// users behind one address and a page are two excuses for the same: the better one holds, not both together.
[[nodiscard]] Trait for_good_name(Trait trait, const Standing& standing);
// The trait as it holds for somebody of this standing: where a good name is shared, what is free for one
// customer is free for each user that logged in from there, so that a NAT's ordinary calls are no flood.
[[nodiscard]] Trait shared_out(Trait trait, const Standing& standing);
// What an offence of this trait weighs for somebody of this standing.
[[nodiscard]] Points lightened(Points points, Credit credit, const Standing& standing);

}  // namespace coturn_guard
