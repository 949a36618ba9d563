// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/bans.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "util/duration.hpp"

namespace coturn_guard::fail2ban {
namespace {

// Clocks of another machine, or a damaged row: whatever is added up here stays in range.
constexpr std::int64_t kFarAway = std::int64_t{1} << 40;

std::chrono::seconds time_left(const BanRow& row, std::int64_t bantime, std::int64_t now) {
  const std::int64_t length = row.ban_time == -2 ? bantime : row.ban_time;
  if (length < 0) return kLongestDuration;
  const std::int64_t end =
      std::clamp(row.time_of_ban, -kFarAway, kFarAway) + std::min(length, kLongestDuration.count());
  return std::chrono::seconds(std::clamp<std::int64_t>(end - now, 0, kLongestDuration.count()));
}

}  // namespace

Bans imported_bans(std::span<const BanRow> rows, std::int64_t bantime, std::int64_t now) {
  Bans found;
  std::map<Prefix, ImportedBan> by_prefix;
  for (const BanRow& row : rows) {
    const auto prefix = Prefix::parse(row.address);
    if (!prefix) {
      ++found.no_addresses;
      continue;
    }
    ImportedBan& ban = by_prefix.try_emplace(*prefix, ImportedBan{*prefix, {}, 0}).first->second;
    ban.left = std::max(ban.left, time_left(row, bantime, now));
    const std::int64_t count =
        ban.earlier_bans + std::clamp<std::int64_t>(row.ban_count, 1, kMostEarlierBans);
    ban.earlier_bans = static_cast<std::uint32_t>(std::min(count, kMostEarlierBans));
  }
  found.bans.reserve(by_prefix.size());
  for (const auto& [prefix, ban] : by_prefix) found.bans.push_back(ban);
  return found;
}

std::string ban_json(const ImportedBan& ban) {
  // Digits, dots, colons and a slash: nothing in it needs escaping.
  return fmt::format(R"({{"prefix":"{}","seconds":{},"earlier_bans":{}}})", ban.prefix.to_string(),
                     ban.left.count(), ban.earlier_bans);
}

std::string adopt_request(std::span<const ImportedBan> bans) {
  std::string line = R"({"verb":"adopt","bans":[)";
  for (const ImportedBan& ban : bans.first(std::min(bans.size(), kMostBansARequest))) {
    if (line.back() != '[') line += ',';
    line += ban_json(ban);
  }
  return line + "]}";
}

Result<> hand_over(std::span<const ImportedBan> bans, const AdoptBans& adopt) {
  while (!bans.empty()) {
    const auto portion = bans.first(std::min(bans.size(), kMostBansARequest));
    if (auto done = adopt(portion); !done) return done;
    bans = bans.subspan(portion.size());
  }
  return {};
}

}  // namespace coturn_guard::fail2ban
