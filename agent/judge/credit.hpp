// SPDX-License-Identifier: GPL-3.0-or-later
// What an address earned by being a real customer within the last hour: logins, by which users, answers that
// only a customer gets, and busy connections. It lightens offences (model/trait: Credit); it never forgives
// one by itself.
//
// Nobody is immune by what stands here. An address that most logins come from (gateway) is measured by the
// number of its users: with N of them it may do N times as much as a single address, and is banned then like
// any other. Who makes himself one with five accounts gains a factor of five.
//
// Bounded: the least recently earned credit goes first, counted; that of bytes alone before that of logins,
// and the /64s of one IPv6 /48 have a share of the table only, so that its owner forgets his own. Of the
// users of one network the one that has been silent longest goes first; when all networks together have too
// many, those with the most users lose some of theirs, so that nobody who has a few is forgotten for an
// attacker's many.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "model/clock.hpp"
#include "model/prefix.hpp"
#include "model/saved_state.hpp"
#include "model/trait.hpp"
#include "model/user_number.hpp"
#include "util/siphash.hpp"

namespace coturn_guard {

struct Standing {
  bool by_login = false;
  bool by_bytes = false;
  std::uint32_t users = 0;  // different ones that logged in: exact up to 16, then estimated to some hundreds
  // It stands for others than who offends there: shared from the first of them on.
  bool crowd = false;
};

class CreditBook {
 public:
  static constexpr std::size_t kMaxNetworks = 65'536;
  static constexpr std::size_t kMostOfSite = kMaxNetworks / 16;  // of one IPv6 /48
  static constexpr std::chrono::hours kLasts{1};

  explicit CreditBook(const HashSeed& seed);
  CreditBook(CreditBook&&) noexcept;
  CreditBook& operator=(CreditBook&&) noexcept;
  ~CreditBook();

  void logged_in(const Prefix& network, UserNumber user, const Now& now);
  // The kernel saw coturn answer somebody there as it answers only who has logged in. As good as a login, of
  // a user that nobody knows: it is not counted, for the log may tell of the same login with its name.
  void was_served(const Prefix& network, const Now& now);
  void was_busy(const Prefix& network, const Now& now);
  // Costs a look-up; by what a login or a busy connection an hour ago earned it is over to the millisecond,
  // while the estimate of many users forgets by ten minutes.
  [[nodiscard]] Standing standing(const Prefix& network, const Now& now) const;
  // Somebody whom a ban would hurt: it logged in within the hour, or, where the log tells of no logins at
  // all, had a busy connection. Bytes alone are too cheap where logins are known.
  [[nodiscard]] bool is_customer(const Standing& standing, const Now& now) const;
  [[nodiscard]] bool logged_in_as(const Prefix& network, UserNumber user, const Now& now) const;
  // The user logged in from there and fails there now, so many times, and that is not to count
  // (judge/breaker). False: it never logged in from there, or has used up what may be excused within an hour.
  // That bounds what a neighbour behind the same address can guess at its password: where others logged in,
  // too, it is no more than anybody may try there anyway.
  [[nodiscard]] bool excuse(const Prefix& network, UserNumber user, std::uint32_t times, const Now& now);
  static constexpr std::uint32_t kExcusedAlone = 1000;  // within an hour
  static constexpr std::uint32_t kExcusedAmongOthers = 20;
  // Somebody logged in from within this IPv6 network.
  [[nodiscard]] bool logged_in_within(const Prefix& wide, const Now& now) const;
  // How many different users logged in within the hour: exact up to 16, then estimated to some hundreds.
  [[nodiscard]] std::uint32_t users(const Now& now) const;
  // It carries at least 80 % of the last hour's logins, at least 20 of them by at least 5 users with names,
  // and that in at least 3 of the hour's ten-minute slices: a proxy or a gateway in front of us, and a ban of
  // it is a ban of everybody behind it.
  [[nodiscard]] std::optional<Prefix> gateway(const Now& now) const;

  // As Ledger's and Attribution's. What a busy connection earned is noted once a minute.
  void begin(std::chrono::steady_clock::time_point origin);
  void load(const std::vector<SavedRecord>& records, const Now& now);
  void save_changes(StateBatch& batch);
  void note_everything();

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t evicted() const;
  // Users of networks, and how many of them were forgotten within their hour.
  [[nodiscard]] std::size_t pairs() const;
  [[nodiscard]] std::uint64_t pairs_evicted() const;
  static constexpr std::size_t kMaxPairs = 262'144;

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
// The trait as it holds for an address behind which there are many who cannot be told apart (a gateway):
// where a good name did not weigh, it is shared.
[[nodiscard]] Trait measured_per_user(Trait trait);
// What an offence of this trait weighs for somebody of this standing.
[[nodiscard]] Points lightened(Points points, Credit credit, const Standing& standing);

}  // namespace coturn_guard
