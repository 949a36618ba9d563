// SPDX-License-Identifier: GPL-3.0-or-later
// How a rule's offences weigh: what detect/ reads from the rule book and judge/ obeys, so that neither knows
// the other. Passive data.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "model/flow.hpp"

namespace coturn_guard {

// Of what a rule counts different ones.
enum class Distinct : std::uint8_t { nothing, user, peer, session };

// How an address's good name (judge/credit) weighs against the offence.
enum class Credit : std::uint8_t {
  none,    // floods, probing: a customer must not do that either
  spares,  // resets, handshake noise: a login within the hour makes it nothing, a long busy connection half
  // Guessing, floods: divided by the number of users that logged in from there, if they are five or more, and
  // what is free is free for each of them.
  shared,
};

// Who can bring it about that an address does what a rule tells of.
enum class Cause : std::uint8_t {
  client,   // the client alone: no page and no call makes an honest one do that
  page,     // a page that its browser shows, or the network that it is in
  partner,  // the other end of its call, by the addresses that it offers
  forger,   // anybody who sends packets in its name
  operated  // the operator's own balancer, monitor or configuration
};
class Causes {
 public:
  void add(Cause cause) { bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(cause)); }
  [[nodiscard]] bool has(Cause cause) const { return (bits_ >> static_cast<unsigned>(cause) & 1U) != 0; }
  [[nodiscard]] bool none() const { return bits_ == 0; }

 private:
  std::uint8_t bits_ = 0;
};

// So many different things of one network and rule are told apart; `free` and `from` above it mean it.
inline constexpr std::uint32_t kMostDifferent = 128;

// What an offence costs an address with a good name where a page or a call's other end can be the cause.
struct GoodNameMeasure {
  Points points{};
  std::uint32_t free = 0;
  Distinct distinct = Distinct::nothing;
};

struct Trait {
  Points points{};                 // for one offence
  std::chrono::seconds window{0};  // how long it counts; 0, or more than findtime: findtime
  Distinct distinct = Distinct::nothing;
  // The first so many within the window cost nothing: offences, or with `distinct` different ones (a
  // repetition of a known one then never costs).
  std::uint32_t free = 0;
  // With `distinct`: from the so many-th different one on within the window, a new one costs `points_from`.
  // 0: never.
  std::uint32_t from = 0;
  Points points_from{};
  Credit credit = Credit::none;
  Causes caused_by{};
  std::optional<GoodNameMeasure> good_name{};
  bool guess = false;  // somebody tries out passwords or names: added up over wider networks, too

  // What somebody else can make an honest client do. For an address with a good name it is counted apart and
  // ends in a ban of the first length.
  [[nodiscard]] bool by_others() const { return caused_by.has(Cause::page) || caused_by.has(Cause::partner); }
};

}  // namespace coturn_guard
