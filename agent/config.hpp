// SPDX-License-Identifier: GPL-3.0-or-later
// Everything an operator can set, with its default, validated. Reading it is strict: unknown keys (with the
// nearest known name), wrong types and values out of range are told all at once. Nothing else in the agent
// reads YAML of the operator's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/hook.hpp"
#include "control/metrics_address.hpp"
#include "enforce/enforcer.hpp"
#include "judge/breaker.hpp"
#include "judge/policy.hpp"
#include "judge/request_meter.hpp"
#include "model/allow_list.hpp"
#include "model/own_network.hpp"
#include "model/prefix.hpp"
#include "model/trait.hpp"
#include "util/problems.hpp"
#include "util/result.hpp"

namespace coturn_guard {

enum class Mode : std::uint8_t { enforce, observe };

// Where we read coturn's log.
enum class LogSource : std::uint8_t { automatic, file, journal };

// Where coturn's own configuration sends its log. Told by `coturn-guard detect`.
enum class CoturnLog : std::uint8_t { unknown, file, syslog, standard_output };

// An operator's words about one rule; what is absent stays as in the rule book. Whether such a rule exists is
// checked against the book later.
struct RuleSetting {
  std::string name;
  std::optional<Points> points;  // 0: switched off
  std::optional<std::chrono::seconds> window;
  std::optional<std::uint32_t> free;
  std::optional<std::uint32_t> from;
  std::optional<Points> points_from;
  std::optional<Credit> credit;
  std::string where;  // "file:line:column" of the rule's name, for that later complaint
};

// What of coturn's traffic is looked at before coturn has it.
enum class GateMode : std::uint8_t {
  off,
  udp,  // needs no connection tracking
  all,  // TCP, too: conntrack runs for the whole network namespace then
};

// In the order in which an operator reads it, not in the order of sizes: there is one of it.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct Config {
  Mode mode = Mode::enforce;
  LogSource source = LogSource::automatic;                   // source_choice.hpp decides
  std::vector<std::string> journal_units{"coturn.service"};  // coturn's, never empty
  bool witness = true;                                       // hear the kernel of coturn's connections
  bool log_file_automatic = true;  // `log_file: auto`: what is below was detected or is the default
  std::vector<std::string> log_file{"/var/log/coturn/coturn.log"};  // paths or globs, never empty
  bool log_timestamp_automatic = true;
  std::string log_timestamp_format;  // strftime text of new-log-timestamp-format; empty: coturn's own forms
  // Names of programs and containers whose lines are coturn's, besides those that hold "turn".
  std::vector<std::string> log_tags;
  std::string rules_file = "/usr/share/coturn-guard/rules/coturn.yaml";
  std::vector<RuleSetting> rules;
  Policy policy;
  BreakerPolicy breaker;
  std::vector<Prefix> ignoreip;
  std::vector<HostName> ignored_names;  // of ignoreip, too
  std::vector<Prefix> nat64;            // the operator's own, besides those that everybody knows
  bool ports_automatic = true;          // `ports: auto`: `ports` below was found, not written
  std::vector<PortRange> ports{{3478, 3479}, {5349, 5350}};  // empty: all
  std::uint32_t max_bans = 1'048'576;
  std::string enforcer = "auto";  // see choose_enforcer()
  bool end_connections = true;    // of who is banned, see eviction.hpp
  // Where what is known is saved; empty: nowhere. `auto`: state.db in systemd's state directory
  // ($STATE_DIRECTORY).
  bool state_file_automatic = true;
  std::string state_file;
  GateMode gate = GateMode::off;
  std::uint16_t gate_queue = 3478;  // netfilter's number of the queue
  QuenchPolicy quench;
  MetricsAddress metrics;    // where they are asked for
  std::string metrics_file;  // where they are written; empty: nowhere
  std::vector<Hook> hooks;
  // From coturn's own configuration, never from the operator's file:
  std::vector<PortRange> detected_ports;                 // where clients may connect
  std::vector<PortRange> admin_ports;                    // of its web-admin and its command line interface
  std::vector<PortRange> web_admin_ports;                // of its web-admin, where it listens nowhere else
  std::vector<PortRange> relay_ports{{49'152, 65'535}};  // min-port to max-port
  std::vector<OwnNetwork> coturn_networks;  // its listening-ip and external-ip: never to be banned
  CoturnLog coturn_log = CoturnLog::unknown;
  bool coturn_writes_log_file = false;  // every name in `log_file` is one that coturn's configuration gives
};

// Where the witness looks for coturn. `ports: all` closes the whole machine to who is banned; it does not
// make the mail server's connections an offence against coturn.
[[nodiscard]] CoturnPorts coturn_ports(const Config& config);
// The ports that the gate looks at: where nothing but TURN is spoken, and no peer's media comes.
[[nodiscard]] std::vector<PortRange> gate_ports(const Config& config);

// `/etc/coturn-guard/coturn-guard.yaml` and, beside it, `conf.d/*.yaml` in lexical order: maps merge, lists
// append unless tagged !replace, of single values the later wins. What they leave at `auto` comes from
// `detected_file` where that exists (`coturn-guard detect` wrote it). A missing main file is a problem only
// when `required`.
[[nodiscard]] tl::expected<Config, Problems> load_config(const std::string& main_file, bool required,
                                                         const std::string& detected_file);
// One text alone, for tests and fuzzing.
[[nodiscard]] tl::expected<Config, Problems> parse_config(std::string_view yaml, std::string_view file_name);

}  // namespace coturn_guard
