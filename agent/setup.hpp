// SPDX-License-Identifier: GPL-3.0-or-later
// Configuration and rules read together and checked against each other: what `run`, `replay`, `check-config`
// and a reload all begin with. All mistakes of a file are told at once.
#pragma once

#include <string>
#include <vector>

#include "config.hpp"
#include "detect/recogniser.hpp"
#include "util/problems.hpp"

namespace coturn_guard {

inline constexpr const char* kConfigFile = "/etc/coturn-guard/coturn-guard.yaml";
inline constexpr const char* kDetectedFile = "/run/coturn-guard/detected.yaml";

struct SetupPaths {
  std::string config = kConfigFile;
  bool config_required = false;  // --config was given: its absence is a mistake
  std::string detected = kDetectedFile;
};

struct Setup {
  Config config;
  RuleSet rules;
  std::vector<std::string> notes{};  // RuleBook::notes
};

// Where an operator's own rules lie: rules.d beside his configuration.
[[nodiscard]] std::string own_rules_directory(const std::string& config_file);

[[nodiscard]] tl::expected<Setup, Problems> load_setup(const SetupPaths& paths);

}  // namespace coturn_guard
