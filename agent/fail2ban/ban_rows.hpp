// SPDX-License-Identifier: GPL-3.0-or-later
// Reads fail2ban's database while fail2ban may be writing it: read-only, waiting a while where it is locked.
// It never creates, repairs or upgrades anything.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "fail2ban/bans.hpp"
#include "util/result.hpp"

namespace coturn_guard::fail2ban {

inline constexpr std::size_t kMostRows = 1'000'000;

struct BanRows {
  std::vector<BanRow> rows;
  bool more = false;               // than kMostRows
  std::vector<std::string> jails;  // that the database knows
};

// Of one jail, or of all for those that it has banned (`all_jails`). Fails where the file is not there, is no
// database of fail2ban's 0.11 or later, is damaged, or stays locked.
[[nodiscard]] Result<BanRows> read_ban_rows(const std::string& file, const std::string& jail, bool all_jails);

}  // namespace coturn_guard::fail2ban
