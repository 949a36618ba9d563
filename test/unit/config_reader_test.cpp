// SPDX-License-Identifier: GPL-3.0-or-later
#include "config_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "config.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;

namespace {

Config good(std::string_view yaml) {
  const auto config = parse_config(yaml, "a.yaml");
  if (!config)
    for (const auto& problem : config.error()) UNSCOPED_INFO(problem);
  REQUIRE(config);
  return *config;
}

Problems bad(std::string_view yaml) {
  const auto config = parse_config(yaml, "a.yaml");
  REQUIRE_FALSE(config);
  return config.error();
}

// The one problem of a text that has one.
std::string problem(std::string_view yaml) {
  const auto problems = bad(yaml);
  for (const auto& each : problems) UNSCOPED_INFO(each);
  REQUIRE(problems.size() == 1);
  return problems[0];
}

}  // namespace

TEST_CASE("an empty file leaves every default", "[config]") {
  for (const auto* yaml : {"", "\n", "# nothing\n", "---\n"}) {
    const Config config = good(yaml);
    CHECK(config.mode == Mode::enforce);
    CHECK(config.log_file == std::vector<std::string>{"/var/log/coturn/coturn.log"});
    CHECK(config.policy.findtime == 1h);
    CHECK(config.policy.maxretry == Points{3000});
    CHECK(config.ports == std::vector<PortRange>{{3478, 3479}, {5349, 5350}});
  }
}

TEST_CASE("every key is read", "[config]") {
  const Config config = good(R"(mode: observe
log_file: [/var/log/a.log, "/srv/turn_*.log"]
source: journal
journal_units: [turn@a.service, turn@b.service]
log_timestamp_format: "%F %T"
findtime: 2h
maxretry: 4.25
bantime: 90s
bantime_max: 1w
bantime_factor: 1.5
forget_after: 2weeks 1d
ipv4_prefix: 24
ipv6_prefix: 56
maxretry_56: 0
maxretry_48: 90.5
max_addresses: 1000
max_bans: 16777216
enforcer: nftables
end_connections: false
ignoreip: [192.0.2.0/24, VPN.example.org, 2001:db8::1]
hooks: [{on: [ban, alarm], run: [/bin/tell, x], rate: 5}, {on: unban, post: "http://192.0.2.1/x", timeout: 3s, burst: 7}]
ports: [3478, 5349-5350, "8443"]
rules:
  tcp-reset: {points: 0.5}
  tls-noise: {points: 0}
rules_file: /etc/coturn-guard/rules.yaml
)");
  CHECK(config.mode == Mode::observe);
  CHECK(config.log_file == std::vector<std::string>{"/var/log/a.log", "/srv/turn_*.log"});
  CHECK_FALSE(config.log_file_automatic);
  CHECK(config.source == LogSource::journal);
  CHECK(config.journal_units == std::vector<std::string>{"turn@a.service", "turn@b.service"});
  CHECK(config.log_timestamp_format == "%F %T");
  CHECK_FALSE(config.log_timestamp_automatic);
  CHECK(config.policy.findtime == 2h);
  CHECK(config.policy.maxretry == Points{4250});
  CHECK(config.policy.bantime == 90s);
  CHECK(config.policy.bantime_max == 168h);
  CHECK(config.policy.bantime_factor == 1.5);
  CHECK(config.policy.forget_after == 15 * 24h);
  CHECK(config.policy.ipv4_prefix == 24);
  CHECK(config.policy.ipv6_prefix == 56);
  CHECK(config.policy.maxretry_56 == Points{0});
  CHECK(config.policy.maxretry_48 == Points{90'500});
  CHECK(config.policy.max_addresses == 1000);
  CHECK(config.max_bans == 16'777'216);
  CHECK(config.enforcer == "nftables");
  CHECK_FALSE(config.end_connections);
  REQUIRE(config.hooks.size() == 2);
  CHECK(config.hooks[0].on == std::array{true, false, true, false});
  CHECK(config.hooks[0].run == std::vector<std::string>{"/bin/tell", "x"});
  CHECK(config.hooks[0].per_second == 5);
  CHECK(config.hooks[1].on == std::array{false, true, false, false});
  CHECK(config.hooks[1].post.host == "192.0.2.1");
  CHECK(config.hooks[1].timeout == 3s);
  CHECK(config.hooks[1].burst == 7);
  CHECK(config.ignored_names == std::vector{HostName{"vpn.example.org"}});
  CHECK(config.ignoreip ==
        std::vector<Prefix>{*Prefix::parse("192.0.2.0/24"), *Prefix::parse("2001:db8::1")});
  CHECK_FALSE(config.ports_automatic);
  CHECK(config.ports == std::vector<PortRange>{{3478, 3478}, {5349, 5350}, {8443, 8443}});
  REQUIRE(config.rules.size() == 2);
  CHECK(config.rules[0].name == "tcp-reset");
  CHECK(config.rules[0].points == Points{500});
  CHECK(config.rules[0].where == "a.yaml:24:3");
  CHECK(config.rules[1].points == Points{0});
  CHECK(config.rules_file == "/etc/coturn-guard/rules.yaml");
}

TEST_CASE("the packaged file holds every key, and its values are the defaults", "[config]") {
  std::ifstream file(std::string(SOURCE_ROOT) + "/examples/coturn-guard.yaml");
  REQUIRE(file);
  const std::string yaml((std::istreambuf_iterator<char>(file)), {});
  const Config config = good(yaml), defaults;
  CHECK(config.mode == defaults.mode);
  CHECK(config.log_file_automatic == defaults.log_file_automatic);
  CHECK(config.log_file == defaults.log_file);
  CHECK(config.log_timestamp_automatic == defaults.log_timestamp_automatic);
  CHECK(config.log_timestamp_format == defaults.log_timestamp_format);
  CHECK(config.rules_file == defaults.rules_file);
  CHECK(config.rules.empty());
  CHECK(config.policy.findtime == defaults.policy.findtime);
  CHECK(config.policy.maxretry == defaults.policy.maxretry);
  CHECK(config.policy.bantime == defaults.policy.bantime);
  CHECK(config.policy.bantime_max == defaults.policy.bantime_max);
  CHECK(config.policy.bantime_factor == defaults.policy.bantime_factor);
  CHECK(config.policy.forget_after == defaults.policy.forget_after);
  CHECK(config.policy.ipv4_prefix == defaults.policy.ipv4_prefix);
  CHECK(config.policy.ipv6_prefix == defaults.policy.ipv6_prefix);
  CHECK(config.policy.maxretry_56 == defaults.policy.maxretry_56);
  CHECK(config.policy.maxretry_48 == defaults.policy.maxretry_48);
  CHECK(config.policy.max_addresses == defaults.policy.max_addresses);
  CHECK(config.ignoreip == defaults.ignoreip);
  CHECK(config.ports_automatic == defaults.ports_automatic);
  CHECK(config.ports == defaults.ports);
  CHECK(config.max_bans == defaults.max_bans);
  CHECK(config.enforcer == defaults.enforcer);
  CHECK(config.end_connections == defaults.end_connections);
  CHECK(config.metrics == defaults.metrics);
  CHECK(config.metrics_file == defaults.metrics_file);
  CHECK(config.state_file_automatic == defaults.state_file_automatic);
  CHECK(config.state_file == defaults.state_file);
  Problems problems;
  std::vector<std::string> written;
  for (const auto& key : parse_config_tree(yaml, "a.yaml", problems).keys) written.push_back(key.text);
  std::sort(written.begin(), written.end());
  auto known = ConfigReader::key_names();
  std::sort(known.begin(), known.end());
  CHECK(written == std::vector<std::string>(known.begin(), known.end()));
}

TEST_CASE("a state file is where systemd keeps states, at a path, or nowhere", "[config]") {
  CHECK(good("").state_file_automatic);
  CHECK(good("state_file: auto").state_file_automatic);
  CHECK_FALSE(good("state_file: off").state_file_automatic);
  CHECK(good("state_file: off").state_file.empty());
  CHECK(good("state_file: /srv/guard.db").state_file == "/srv/guard.db");
  CHECK(bad("state_file: guard.db").size() == 1);
}

TEST_CASE("an unknown key names the nearest known one", "[config]") {
  CHECK(problem("bantme: 1m\n") == "a.yaml:1:1: unknown key \"bantme\": did you mean \"bantime\"?");
  CHECK(problem("mode: observe\nxylophone: 1\n") == "a.yaml:2:1: unknown key \"xylophone\"");
  CHECK(problem("mode: obsrve\n") == "a.yaml:1:7: mode: unknown mode \"obsrve\": did you mean \"observe\"?");
  CHECK(problem("rules: {a: {point: 1, points: 1}}") ==
        "a.yaml:1:13: rules: unknown setting \"point\": did you mean \"points\"?");
}

TEST_CASE("all mistakes are told at once, each with its place", "[config]") {
  const auto problems = bad(R"(findtime: 3600
maxretry: many
bantime: 1 fortnight
ipv4_prefix: 33
ignoreip:
  - 192.0.2.300
  - 0.0.0.0/0
  - 192.0.2.1
  - ::/0
ports: [0, 70000, 9-8, x]
log_file: turn.log
mode: {}
rules: {r: {points: -1}}
)");
  const std::vector<std::string> expected{
      "a.yaml:1:15: findtime: 3600 has no unit: write 3600s, 3600m or 3600h",
      "a.yaml:2:11: maxretry: \"many\" is not a decimal number",
      "a.yaml:3:12: bantime: unknown unit: use s, m, h, d or w",
      "a.yaml:4:14: ipv4_prefix: 33 is out of range: 8 to 32",
      "a.yaml:6:5: ignoreip: \"192.0.2.300\" is no address, no network and no host name, as 192.0.2.7, "
      "2001:db8::/32 or vpn.example.org is",
      "a.yaml:7:5: ignoreip: 0.0.0.0/0 is everybody: nobody would ever be banned; use mode: observe",
      "a.yaml:9:5: ignoreip: ::/0 is everybody: nobody would ever be banned; use mode: observe",
      "a.yaml:10:9: ports: \"0\" is no port (1 to 65535) and no range like 5349-5350",
      "a.yaml:10:12: ports: \"70000\" is no port (1 to 65535) and no range like 5349-5350",
      "a.yaml:10:19: ports: 9-8 ends before it begins",
      "a.yaml:10:24: ports: \"x\" is no port (1 to 65535) and no range like 5349-5350",
      "a.yaml:11:11: log_file: \"turn.log\" is no absolute path: it must begin with /",
      "a.yaml:12:7: mode: one single value is expected",
      "a.yaml:13:21: rules: \"-1\" is not a decimal number"};
  CHECK(problems == expected);
}

TEST_CASE("values out of range are refused, the ends of the range are not", "[config]") {
  for (const auto* yaml : {"findtime: 0s",
                           "findtime: 53w",
                           "maxretry: 0",
                           "maxretry: 0.0001",
                           "maxretry: 10000.001",
                           "maxretry: 1e3",
                           "maxretry: .5",
                           "maxretry: +3",
                           "maxretry: 99999999999999999999",
                           "bantime: 0s",
                           "bantime_max: 521w",
                           "bantime_factor: 0",
                           "bantime_factor: nan",
                           "ipv4_prefix: 7",
                           "ipv6_prefix: 31",
                           "ipv6_prefix: 129",
                           "max_addresses: 999",
                           "max_addresses: 10000001",
                           "max_addresses: 0x1000",
                           "max_addresses: -5",
                           "max_bans: 999",
                           "max_bans: 16777217",
                           "max_bans: 99999999999999999999999",
                           "ports: []",
                           "ports:",
                           "ports: any",
                           "log_file:",
                           "log_file: []",
                           "log_file: \"/a\\nb\"",
                           "ignoreip: {}",
                           "log_timestamp_format: '%F %'",
                           "log_timestamp_format: '%!'",
                           "ignoreip: [[192.0.2.1]]",
                           "findtime:",
                           "mode: ENFORCE"}) {
    INFO(yaml);
    CHECK(bad(yaml).size() == 1);
  }
  for (const auto* yaml :
       {"findtime: 1s", "findtime: 52w", "maxretry: 0.001", "maxretry: 10000", "bantime_max: 520w",
        "forget_after: 0s", "bantime_factor: 0.001", "ipv4_prefix: 8", "ipv6_prefix: 128",
        "max_addresses: 10000000", "max_bans: 1000", "ports: 1-65535", "ports: 65535", "ports: all",
        "ignoreip:", "ignoreip: 10.0.0.0/8", "rules:", "rules: {}"}) {
    INFO(yaml);
    good(yaml);
  }
}

TEST_CASE("a ban that begins longer than its cap is a mistake across keys", "[config]") {
  CHECK(problem("bantime: 6w\n") == "a.yaml:1:1: bantime: bantime 6w is longer than bantime_max 5w");
  CHECK(problem("bantime: 2h\nbantime_max: 1h\n") ==
        "a.yaml:2:1: bantime_max: bantime 2h is longer than bantime_max 1h");
}

TEST_CASE("a key that stands twice is a mistake, in the file and among the rules", "[config]") {
  CHECK(problem("bantime: 1m\nmode: observe\nbantime: 2m\n") ==
        "a.yaml:3:1: bantime: stands twice in this file");
  CHECK(problem("rules:\n  a: {points: 1}\n  a: {points: 2}\n") == "a.yaml:3:3: rules: \"a\" stands twice");
  CHECK(problem("rules: {a: {points: 1, points: 2}}") == "a.yaml:1:24: rules: points stands twice");
}

TEST_CASE("what is no YAML is told with its place", "[config]") {
  CHECK_THAT(problem("mode: [enforce\n"), contains_text("a.yaml:2:1: this is no YAML: "));
  CHECK_THAT(problem("mode: enforce: x\n"), contains_text("this is no YAML: "));
  CHECK_THAT(problem("- mode\n"), contains_text("a.yaml:1:1: the file must be a list of `key: value` lines"));
  CHECK_THAT(problem("just words\n"), contains_text("a.yaml:1:1: "));
  CHECK_THAT(problem("mode: enforce\n---\nmode: observe\n"), contains_text("a second document"));
  CHECK_THAT(problem("mode: !!str enforce\n"), contains_text("unknown tag"));
  CHECK_THAT(problem("? [a]\n: b\n"), contains_text("a key must be a word"));
  CHECK_THAT(problem("mode: !replace observe\n"), contains_text("!replace is for lists"));
}

TEST_CASE("aliases are refused, so nothing multiplies", "[config]") {
  CHECK_THAT(problem("ignoreip: &a [192.0.2.1]\nports: *a\n"),
             contains_text("a.yaml:2:8: aliases are not read here"));
  std::string bomb = "a: &a [x,x]\n";
  for (char c = 'b'; c < 'l'; ++c)
    bomb += fmt::format("{}: &{} [{}]\n", c, c, fmt::format("*{},*{}", char(c - 1), char(c - 1)));
  CHECK(bad(bomb).size() < 40);
}

TEST_CASE("size, depth and the number of complaints are bounded", "[config]") {
  CHECK_THAT(problem(std::string((1U << 20) + 1, '#')), contains_text("larger than 1048576 bytes"));
  CHECK_THAT(bad("ignoreip: " + std::string(20, '[') + std::string(20, ']'))[0],
             contains_text("nested deeper than 8"));
  bad("ignoreip: " + std::string(100'000, '['));
  std::string many;
  for (int i = 0; i < 5000; ++i) many += fmt::format("key{}: 1\n", i);
  const auto problems = bad(many);
  CHECK(problems.size() == 101);
  CHECK_THAT(problems.back(), contains_text("and more"));
}

TEST_CASE("text in a complaint is escaped", "[config]") {
  CHECK_THAT(problem("\"a\\nb\\e[31m\": 1\n"), contains_text(R"("a\nb\x1b[31m")"));
}

TEST_CASE("later files win over earlier ones, lists append unless they replace", "[config]") {
  ConfigReader reader;
  reader.read(
      "bantime: 2m\nmode: observe\nignoreip: [192.0.2.1]\nports: [1]\nlog_file: /a\n"
      "rules: {a: {points: 1}, b: {points: 2}}\n",
      "1.yaml");
  reader.read("bantime: 3m\nignoreip: 192.0.2.2\nports: [2-3]\nlog_file: [/b, /a]\nrules: {b: {points: 0}}\n",
              "2.yaml");
  reader.read("ignoreip: !replace [192.0.2.3]\nignorelist: 3\n", "3.yaml");
  reader.read("ignoreip: [192.0.2.4]\n", "4.yaml");
  auto config = reader.finish();
  REQUIRE_FALSE(config);
  CHECK(config.error() == Problems{"3.yaml:2:1: unknown key \"ignorelist\": did you mean \"ignoreip\"?"});

  ConfigReader again;
  again.read(
      "bantime: 2m\nmode: observe\nignoreip: [192.0.2.1]\nports: [1]\nlog_file: /a\n"
      "rules: {a: {points: 1}, b: {points: 2}}\n",
      "1.yaml");
  again.read("bantime: 3m\nignoreip: 192.0.2.2\nports: [2-3]\nlog_file: [/b, /a]\nrules: {b: {points: 0}}\n",
             "2.yaml");
  const auto merged = again.finish();
  REQUIRE(merged);
  CHECK(merged->policy.bantime == 3min);
  CHECK(merged->mode == Mode::observe);
  CHECK(merged->ignoreip.size() == 2);
  CHECK(merged->ports == std::vector<PortRange>{{1, 1}, {2, 3}});
  CHECK(merged->log_file == std::vector<std::string>{"/a", "/b"});
  REQUIRE(merged->rules.size() == 2);
  CHECK(merged->rules[1].points == Points{0});
  CHECK(merged->rules[1].where == "2.yaml:5:9");

  ConfigReader replaced;
  replaced.read("ignoreip: [192.0.2.1]\nports: [1]\nlog_file: /a\nrules: {a: {points: 1}}\n", "1.yaml");
  replaced.read("ignoreip: !replace [192.0.2.3]\nports: auto\nlog_file: auto\nrules: !replace {}\n",
                "2.yaml");
  const auto fresh = replaced.finish();
  REQUIRE(fresh);
  CHECK(fresh->ignoreip == std::vector<Prefix>{*Prefix::parse("192.0.2.3")});
  CHECK(fresh->ports_automatic);
  CHECK(fresh->ports == Config{}.ports);
  CHECK(fresh->log_file_automatic);
  CHECK(fresh->log_file == Config{}.log_file);
  CHECK(fresh->rules.empty());
}

TEST_CASE("a source or unit that cannot be is told with what to write", "[config]") {
  CHECK(problem("source: jounal") ==
        "a.yaml:1:9: source: unknown source \"jounal\": did you mean \"journal\"?");
  CHECK_THAT(problem("journal_units: coturn"), contains_text("write it as coturn.service"));
  CHECK_THAT(problem("journal_units: ['a b.service']"), contains_text("is no service"));
  CHECK_THAT(problem("journal_units: [.service]"), contains_text("is no service"));
  CHECK_THAT(problem("journal_units: []"), contains_text("names no unit"));
  CHECK(good("source: auto").source == LogSource::automatic);
}

TEST_CASE("a hook that cannot be is told with what to write", "[config]") {
  CHECK_THAT(problem("hooks: {on: bans, run: [/bin/x]}\n"), contains_text("did you mean \"ban\"?"));
  CHECK_THAT(problem("hooks: [{run: [/bin/x]}]\n"), contains_text("no occasion is given"));
  CHECK_THAT(problem("hooks: [{on: ban}]\n"), contains_text("either run:"));
  CHECK_THAT(problem("hooks: [{on: ban, run: /bin/x, post: \"http://localhost/\"}]\n"),
             contains_text("either run:"));
  CHECK_THAT(problem("hooks: [{on: ban, run: tell}]\n"), contains_text("no absolute path"));
  CHECK_THAT(problem("hooks: [{on: ban, post: \"https://a.example.org/\"}]\n"),
             contains_text("run: [/usr/bin/curl"));
  CHECK_THAT(problem("hooks: [{on: ban, run: /bin/x, timeout: 1h}]\n"), contains_text("out of range"));
  CHECK_THAT(problem("hooks: [{on: ban, run: /bin/x, rate: 0}]\n"), contains_text("out of range"));
  CHECK_THAT(problem("hooks: [{on: ban, runs: /bin/x}]\n"), contains_text("did you mean \"run\"?"));
  CHECK_THAT(problem("hooks: tell\n"), contains_text("a list of hooks is expected"));
}
