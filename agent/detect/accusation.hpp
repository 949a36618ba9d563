// SPDX-License-Identifier: GPL-3.0-or-later
// What the recogniser says of lines that accuse somebody, but not for certain whom: coturn up to 4.6.2 names
// no session in the error line before a refusal, so that of several refusals near by each may be the one that
// the error is about. Passive data; announcements.hpp makes it, attribution charges it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard {

struct Accusation {
  enum class Kind : std::uint8_t {
    awaited,     // of these sessions something may be told later: remember whose they are
    handshaken,  // these sessions' client completed a handshake: no forged packet is among their lines
    decided,     // nothing more will come that fits it
  };
  struct Suspect {
    std::uint64_t session = 0;
    std::uint32_t lines = 0;  // of it, that fit
  };

  Kind kind = Kind::awaited;
  Event like;        // its rule, log, points, evidence and fresh; no texts
  std::string user;  // hostile text
  // So many of the lines tell of an offence, the others are answers to packets that anybody can have forged.
  std::uint32_t offences = 0;
  std::uint32_t lines = 0;  // of the suspects, and of sessions that are not named here
  bool doubtful = false;    // there may be more lines than these: what was not shown or may be an attacker's
  std::vector<Suspect> suspects;
};

// What so many of its offences would cost somebody, in thousandths of a point.
[[nodiscard]] inline std::uint64_t worth_milli(const Event& like, std::uint32_t offences) {
  if (like.evidence == Evidence::spoofable) return 0;
  return static_cast<std::uint64_t>(std::max(times(like.points, offences).milli, 0));
}

// How many of the offences must be this suspect's: those that the lines of all others cannot be about.
[[nodiscard]] constexpr std::uint32_t surely(std::uint32_t offences, std::uint32_t lines, std::uint32_t own) {
  const std::uint32_t others = lines > own ? lines - own : 0;
  const std::uint32_t left = offences > others ? offences - others : 0;
  return left < own ? left : own;
}

}  // namespace coturn_guard
