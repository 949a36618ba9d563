// SPDX-License-Identifier: GPL-3.0-or-later
// Whose a request to coturn's web-admin was. Coturn writes a line for each that names nobody, however many
// come over one connection. Two samples of the kernel's enclose a line: who had a connection to a port of
// administrators that moved meanwhile, began or ended, can have asked, and nobody else. If that is one
// address, the line is its own; if several are there, as many lines are one's as the others said too little
// for. No address is charged with more lines than it got answers to. (What it says cannot be hidden, while it
// can keep its acknowledgements back; what it says can be padded, answers cannot.)
//
// Only for lines that nobody can have forged, read as they were written, with a witness that sees coturn: the
// owner looks to that. Bounded: beyond kMaxVisits connections or kMaxLines different lines in one interval
// nobody is meant. It judges nobody.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "detect/rule_set.hpp"
#include "model/flow.hpp"
#include "model/recent_table.hpp"

namespace coturn_guard {

class AdminVisitors {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMaxVisits = 4096;
  static constexpr std::size_t kMaxLines = 4096;
  // The shortest that a request can be ("GET /logon HTTP/"), and the least that TLS adds.
  static constexpr std::uint64_t kRequestBytes = 36;
  // The least that coturn answers: its page for logging in, which 4.6.1 sends with 810 bytes. Who has logged
  // in gets more.
  static constexpr std::uint64_t kAnswerBytes = 700;

  explicit AdminVisitors(const HashSeed& seed) : visits_(seed) {}

  // A connection to a port of administrators: it lives, or it ended.
  void seen(const Connection& connection, Time now);
  void ended(const Connection& connection);
  // Ends may have been missed: the lines of this interval and of the next are nobody's.
  void missed() { broken_ = true; }

  // A line about a request.
  void take(const Event& event, Time now);
  [[nodiscard]] bool waits() const { return !lines_.empty() || !enclosed_.empty(); }
  // All who lived from `begun` until `now` were seen.
  void sampled(Time begun, Time now);
  // Every end until `heard_until` was told. Appends the lines whose time is over: with their client, proven;
  // or without one, and nobody knows whose they are.
  void decide(Time heard_until, const RuleSet& rules, std::vector<Event>& decided);
  // Of those that it told of last nobody's may be one's or another's.
  [[nodiscard]] bool contested() const { return suspects_.size() > 1; }
  // All that wait, as nobody's.
  void give_up(std::vector<Event>& decided);
  // Numbers of rules changed.
  void forget_lines();

  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Visit {
    std::uint64_t received = 0, acked = 0;
    std::uint64_t sample = 0;  // the last one that it was in
    bool known = false;
  };
  // So many of a rule's, that were read until then.
  struct Requests {
    Event like;  // one of them, without texts
    Time until{};
    std::uint64_t count = 0;
  };
  // At most so many requests, and answers to them.
  struct Share {
    std::uint64_t asked = 0, answered = 0;
  };
  using Shares = std::map<Address, Share>;  // of whoever was active

  void note(const Address& address, const Share& share);
  [[nodiscard]] static Share share_of(const Connection& connection, const Visit& before);
  static void add(Share& sum, const Share& share);
  static std::vector<Requests> summed(const std::vector<Requests>& lines, const RuleSet& rules);
  static void tell(const Requests& requests, std::uint64_t count, const Address* client,
                   std::vector<Event>& decided);

  RecentTable<Visit> visits_;
  Shares active_, active_before_;  // since the last sample; in the interval before it
  Shares suspects_;                // of the lines that are enclosed
  std::vector<Requests> lines_, enclosed_;
  Time due_{};  // the enclosed ones are decided when every end until then is known
  std::uint64_t sample_ = 1;
  // Somebody may be missing: since the last sample, in the interval before it, among the suspects.
  bool broken_ = true, broken_before_ = true, uncertain_ = false;
};

}  // namespace coturn_guard
