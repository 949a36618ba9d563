// SPDX-License-Identifier: GPL-3.0-or-later
// The four things that travel, in the order of their journey: Line -> Event -> Offence -> Verdict. Read this
// first. Passive data only; what makes one of the other lives in detect/ and judge/.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/address.hpp"
#include "model/clock.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {

// Numbers the streams of records that a source reads. Each file (each inode, not each name) is a stream of
// its own: what one line says about the next (format, taint) holds within a stream only.
using StreamId = std::uint32_t;

// One record of coturn's log as it stands there, without its newline. The text is borrowed for the call.
struct Line {
  std::string_view text;
  StreamId stream = 0;
  std::uint64_t offset = 0;  // of the first byte in its stream: taint is counted in bytes
};

// How sure we are that the address did it (design: evidence classes). Order: strongest first.
enum class Evidence : std::uint8_t {
  proven,     // the kernel witnessed the connection
  claimed,    // the log says so and nobody contradicts it
  spoofable,  // UDP before any nonce: whoever stands there may be the victim. Never banned
  tainted,    // stands where text written by an attacker can stand. Never banned
};
[[nodiscard]] std::string_view to_string(Evidence evidence);

// How bad an offence is, in thousandths of a point, so that 0.3 ten times is exactly 3.
struct Points {
  std::int32_t milli = 0;

  friend auto operator<=>(Points, Points) = default;
  friend constexpr Points operator+(Points a, Points b) { return {a.milli + b.milli}; }
};
[[nodiscard]] std::string to_string(Points points);  // "3", "0.25"

// Index of a rule in the rule set that made the event; its name is RuleSet::name(id).
using RuleId = std::uint16_t;

// A line that a rule recognised. Texts are borrowed from the line.
struct Event {
  RuleId rule = 0;
  Endpoint client;
  std::string_view session;  // coturn's 18 digits, empty where the line has none
  Points points;
  Evidence evidence = Evidence::claimed;
  std::uint32_t count = 1;  // "message repeated N times" stands for N lines
};

// Something an address did.
struct Offence {
  Address address;
  RuleId rule = 0;
  Points points;
  Evidence evidence = Evidence::claimed;
  bool alone = false;  // judged by the address itself: its network holds somebody who is never banned
};

// What is to be done about a network, and why. A verdict lengthens an earlier one, never shortens it.
struct Verdict {
  Prefix prefix;
  std::chrono::seconds duration{};
  Address address;  // the one whose offence filled the measure
  RuleId rule = 0;  // of that last offence
  Evidence evidence = Evidence::claimed;
  Points points;                   // in the window, when it was passed
  std::uint32_t earlier_bans = 0;  // the rung of the ladder it stands on
};

}  // namespace coturn_guard
