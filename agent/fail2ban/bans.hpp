// SPDX-License-Identifier: GPL-3.0-or-later
// Whom fail2ban has banned, and how often: rows of its database (tables `bips` and `bans`,
// server/database.py)
// -> what a running daemon can take over. Values in, values out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/prefix.hpp"
#include "util/result.hpp"

namespace coturn_guard::fail2ban {

// A row of `bips`: the latest ban of an address in one jail.
struct BanRow {
  std::string address;           // whatever the jail bans, normally an address
  std::int64_t time_of_ban = 0;  // seconds since 1970
  std::int64_t ban_time = 0;     // seconds; -1: for ever; -2: unknown, an old database
  std::int64_t ban_count = 0;    // bans so far, this one included
};

struct ImportedBan {
  Prefix prefix;                 // as fail2ban banned it: an address, or a network
  std::chrono::seconds left{0};  // 0: over; known for its history alone
  std::uint32_t earlier_bans =
      0;  // so far, a living one included: the next ban is this rung of the ladder, from 0
};

struct Bans {
  std::vector<ImportedBan> bans;  // by prefix
  std::size_t no_addresses = 0;   // rows whose subject is no address: jails can ban user names, too
};

// Rows of several jails for one address become one ban: the longest time left, and the sum of the counts.
// `bantime` stands in where the database does not know it. Nothing lasts longer than kLongestDuration.
[[nodiscard]] Bans imported_bans(std::span<const BanRow> rows, std::int64_t bantime, std::int64_t now);

inline constexpr std::int64_t kMostEarlierBans = 65'535;  // of one address: what a request can carry
inline constexpr std::size_t kMostBansARequest = 500;
inline constexpr std::size_t kMostRequestBytes = 64U << 10;

// {"prefix":"192.0.2.1/32","seconds":600,"earlier_bans":3}
[[nodiscard]] std::string ban_json(const ImportedBan& ban);
// {"verb":"adopt","bans":[…]} in one line, without its end. At most kMostBansARequest of them.
[[nodiscard]] std::string adopt_request(std::span<const ImportedBan> bans);

// Who takes bans over: the control socket of a running daemon.
using AdoptBans = std::function<Result<>(std::span<const ImportedBan>)>;
// In portions of at most kMostBansARequest, until all are over or one fails.
[[nodiscard]] Result<> hand_over(std::span<const ImportedBan> bans, const AdoptBans& adopt);

}  // namespace coturn_guard::fail2ban
