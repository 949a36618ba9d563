// SPDX-License-Identifier: GPL-3.0-or-later
// The machine's own files and services, for the pure half of the import.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fail2ban/file_order.hpp"

namespace coturn_guard::fail2ban {

inline constexpr const char* kDatabase = "/var/lib/fail2ban/fail2ban.sqlite3";

[[nodiscard]] FileSource real_files();
// /etc/services.
[[nodiscard]] std::optional<std::uint16_t> real_port_of(const std::string& name);

}  // namespace coturn_guard::fail2ban
