// SPDX-License-Identifier: GPL-3.0-or-later
// What a check of `doctor` says: how it stands, in a sentence, and what to type where it does not stand well.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace coturn_guard::doctor {

enum class Health : std::uint8_t { ok, warn, fail };  // in the order of the exit codes

struct Finding {
  Health health = Health::ok;
  std::string check;  // a stable word for programs, "log.exists"
  std::string what;
  std::string remedy = {};  // empty where all is well
};
using Findings = std::vector<Finding>;

}  // namespace coturn_guard::doctor
