// SPDX-License-Identifier: GPL-3.0-or-later
// What a set in the kernel is made of, whichever part of the kernel keeps it: elements of one address family,
// and the canary among them. Words that all backends share; nothing of how they are said to the kernel.
#pragma once

#include <cstdint>

#include "model/prefix.hpp"

namespace coturn_guard {

enum class Family : std::uint8_t { v4, v6 };
inline constexpr Family kFamilies[] = {Family::v4, Family::v6};

[[nodiscard]] inline Family family_of(const Prefix& prefix) {
  return prefix.is_v4() ? Family::v4 : Family::v6;
}
[[nodiscard]] std::uint8_t netfilter_family(Family family);    // NFPROTO_IPV4, NFPROTO_IPV6
[[nodiscard]] inline const char* family_word(Family family) {  // for people
  return family == Family::v4 ? "IPv4" : "IPv6";
}

// One element. `timeout_seconds` 0: for ever. The counters are written only where they are not 0 (a copy of a
// set).
struct Element {
  Prefix prefix;
  std::uint32_t timeout_seconds = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  bool exempt = false;  // ipset's "nomatch": the opposite of a ban

  friend bool operator==(const Element&, const Element&) = default;
};

// An element that is always there and bans nobody: an address range of RFC 5737 and RFC 3849. Not a single
// host, because a test for a host is also answered by a network around it.
[[nodiscard]] const Prefix& canary(Family family);

}  // namespace coturn_guard
