// SPDX-License-Identifier: GPL-3.0-or-later
// Accusations that fit sessions of several clients, or of one: that is seen when coturn has named the client
// of each of them, mostly at their ends. Then whoever must have done some of it is charged with as many. What
// may have been one or the other is charged to nobody, and counted as lost. Bounded: the oldest goes first,
// as lost, for all here is equally little proven.
//
// Nothing of it outlives the process. What is still on trial (detect/announcements) comes again with its
// lines; what waits here for names is charged to nobody after a restart: guesses of two minutes, which forged
// packets would mostly have hidden anyway. An attacker cannot restart us.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "detect/accusation.hpp"

namespace coturn_guard {

class SharedAccusations {
 public:
  static constexpr std::size_t kMost = 1024;
  static constexpr std::chrono::seconds kPatience{130};  // longer than any session without a login

  struct Client {
    Endpoint endpoint;
    bool proven = false;  // the kernel confirmed the line that named it
    bool fresh = true;
  };
  struct Charge {
    Accusation accusation;  // its `like` and `user`; nobody else is accused by it any more
    Client client;
    std::uint32_t count = 0;
  };

  // `time`: seconds.
  void add(Accusation accusation, std::uint32_t time);
  // What is found out of a session. All call `decide` at the end of what they complete.
  void named(std::uint32_t log, std::uint64_t session, const Client& client);
  void shook_hands(std::uint32_t log, std::uint64_t session);
  // It cannot be charged: it had logged in, or nobody will name its client.
  void gone(std::uint32_t log, std::uint64_t session);
  // `time_of`: how late it is by a log's time.
  template <class TimeOf>
  void tick(TimeOf time_of) {
    while (!cases_.empty() && is_over(cases_.front(), time_of(cases_.front().accusation.like.log))) {
      decide(cases_.front());
      cases_.pop_front();
    }
  }
  // So late it is in that log.
  void tick(std::uint32_t log, std::uint32_t time);
  void clear();  // all of it is lost

  // What was decided since the last call.
  [[nodiscard]] std::vector<Charge> take_charges();
  [[nodiscard]] bool has_charges() const { return !charges_.empty(); }
  [[nodiscard]] std::size_t size() const { return cases_.size(); }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::uint64_t lost_milli() const { return lost_milli_; }

 private:
  struct Party {
    std::uint64_t session = 0;
    std::uint32_t lines = 0;
    bool open = true;  // something may still be found out
    bool named = false;
    bool handshaken = false;
    Client client;
  };
  struct Case {
    Accusation accusation;
    std::uint32_t since = 0;
    std::vector<Party> parties;
  };
  [[nodiscard]] static bool is_over(const Case& one, std::uint32_t time) {
    return time > one.since && std::chrono::seconds{time - one.since} > kPatience;
  }
  template <class Change>
  void change(std::uint32_t log, std::uint64_t session, Change change);
  void decide(Case& one);
  void charge(Case& one, const Client& client, std::uint32_t count);
  void lose(const Accusation& rest);

  std::deque<Case> cases_;  // oldest first
  std::vector<Charge> charges_;
  std::uint64_t lost_ = 0;
  std::uint64_t lost_milli_ = 0;  // what they would have cost
};

}  // namespace coturn_guard
