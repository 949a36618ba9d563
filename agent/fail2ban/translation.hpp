// SPDX-License-Identifier: GPL-3.0-or-later
// A jail's settings as ours: each becomes a key of our configuration, or is what we do anyway, or is lost,
// and then the reason is told. It invents nothing: what the jail leaves at fail2ban's default is that
// default. Values in, values out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fail2ban/jail.hpp"

namespace coturn_guard::fail2ban {

enum class Outcome : std::uint8_t {
  taken,    // `yaml` says the same
  implied,  // no key is needed
  lost,     // nothing here does it
};

struct Told {
  Outcome outcome = Outcome::taken;
  std::string option;  // fail2ban's
  std::string value;   // as fail2ban sees it
  std::string place;   // "file:line"; empty where it is a default that no file names
  std::string yaml;    // "findtime: 1h"; for what is not taken, perhaps a line to take in by hand
  std::string reason;  // why it is not taken, or what is different
};

struct Translation {
  std::string jail;
  std::vector<Told> told;
  bool overall_jails = false;  // the ladder counts the bans of all jails
  double bantime = 0;  // seconds, for bans whose length the database does not know; negative: for ever
};

// "turn" -> 3478, as /etc/services has it; absent where nobody knows the name.
using PortOf = std::function<std::optional<std::uint16_t>(const std::string& name)>;

// `global` is fail2ban.conf's, for what it says of the memory of offenders.
[[nodiscard]] Translation translate(const Jail& jail, const Settings& global, const PortOf& port_of);

// Everything as the text of a file for conf.d: our keys, and as comments where each comes from and what is
// lost. It always reads back as configuration.
[[nodiscard]] std::string yaml_text(const Translation& translation, const std::vector<std::string>& head);

}  // namespace coturn_guard::fail2ban
