// SPDX-License-Identifier: GPL-3.0-or-later
// Everything an operator can set, with its default, validated. Reading it is strict: unknown keys (with the
// nearest known name), wrong types and values out of range are told all at once. Nothing else in the agent
// reads YAML of the operator's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "enforce/enforcer.hpp"
#include "judge/policy.hpp"
#include "model/prefix.hpp"
#include "util/problems.hpp"
#include "util/result.hpp"

namespace coturn_guard {

enum class Mode : std::uint8_t { enforce, observe };

struct Config {
  Mode mode = Mode::enforce;
  std::vector<std::string> log_file{"/var/log/coturn/coturn.log"};  // paths or globs
  std::string log_timestamp_format;                                 // empty: coturn's own forms
  std::string rules_file = "/usr/share/coturn-guard/rules/coturn.yaml";
  Policy policy;
  std::vector<Prefix> ignoreip;
  bool ports_automatic = true;   // `ports: auto`: `ports` below was found, not written
  std::vector<PortRange> ports;  // empty: all
  std::uint32_t max_bans = 1'048'576;
};

// `/etc/coturn-guard/coturn-guard.yaml` and, beside it, `conf.d/*.yaml` in lexical order, over
// `detected_file` where that exists (what `coturn-guard detect` found in coturn's own configuration). A
// missing main file is a problem only when `required`.
[[nodiscard]] tl::expected<Config, Problems> load_config(const std::string& main_file, bool required,
                                                         const std::string& detected_file);
// One text alone, for tests and fuzzing.
[[nodiscard]] tl::expected<Config, Problems> parse_config(std::string_view yaml, std::string_view file_name);

}  // namespace coturn_guard
