// SPDX-License-Identifier: GPL-3.0-or-later
#include "config.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/scratch_directory.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;
using coturn_guard::test::ScratchDirectory;

TEST_CASE("a missing main file is a mistake only where it was asked for", "[config]") {
  const ScratchDirectory scratch;
  CHECK(load_config(scratch / "main.yaml", false, scratch / "detected.yaml"));
  const auto required = load_config(scratch / "main.yaml", true, "");
  REQUIRE_FALSE(required);
  CHECK(required.error() ==
        Problems{(scratch / "main.yaml") + ": cannot be read: No such file or directory"});
}

TEST_CASE("drop-ins are read in the order of their names, leftovers are not", "[config]") {
  const ScratchDirectory scratch;
  scratch.write("main.yaml", "bantime: 2m\nfindtime: 2h\nignoreip: [192.0.2.1]\n");
  scratch.write("conf.d/50-b.yaml", "bantime: 5m\nignoreip: [192.0.2.3]\n");
  scratch.write("conf.d/10-a.yaml", "bantime: 1m\nmaxretry: 5\nignoreip: [192.0.2.2]\n");
  for (const auto* name :
       {"conf.d/60.yaml~", "conf.d/60.yaml.dpkg-old", "conf.d/.hidden.yaml", "conf.d/60.yml"})
    scratch.write(name, "bantime: 9m\n");
  const auto config = load_config(scratch / "main.yaml", true, "");
  REQUIRE(config);
  CHECK(config->policy.bantime == 5min);
  CHECK(config->policy.findtime == 2h);
  CHECK(config->policy.maxretry == Points{5000});
  std::string order;
  for (const auto& prefix : config->ignoreip) order += prefix.to_string() + " ";
  CHECK(order == "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32 ");
}

TEST_CASE("drop-ins count without a main file, and each mistake names its file", "[config]") {
  const ScratchDirectory scratch;
  scratch.write("conf.d/a.yaml", "bantme: 5m\n");
  scratch.write("conf.d/b.yaml", "mode: observed\n");
  const auto config = load_config(scratch / "main.yaml", false, "");
  REQUIRE_FALSE(config);
  CHECK(config.error() ==
        Problems{(scratch / "conf.d/a.yaml") + ":1:1: unknown key \"bantme\": did you mean \"bantime\"?",
                 (scratch / "conf.d/b.yaml") +
                     ":1:7: mode: unknown mode \"observed\": did you mean \"observe\"?"});
}

TEST_CASE("what was detected stands where the operator left auto, and only there", "[config]") {
  const ScratchDirectory scratch;
  scratch.write("detected.yaml",
                "log: file\nlog_file: [/srv/turn_*.log]\nlog_timestamp_format: '%F'\nports: [443]\n"
                "listening_ip: [192.0.2.1]\nexternal_ip: [198.51.100.1]\n");
  auto config = load_config(scratch / "main.yaml", false, scratch / "detected.yaml");
  REQUIRE(config);
  CHECK(config->log_file == std::vector<std::string>{"/srv/turn_*.log"});
  CHECK(config->log_timestamp_format == "%F");
  CHECK(config->ports == std::vector<PortRange>{{443, 443}});
  CHECK(config->ports_automatic);
  CHECK(config->coturn_networks.size() == 2);
  CHECK(config->coturn_log == CoturnLog::file);

  scratch.write("main.yaml", "log_file: /a.log\nports: all\nlog_timestamp_format: ''\n");
  config = load_config(scratch / "main.yaml", true, scratch / "detected.yaml");
  REQUIRE(config);
  CHECK(config->log_file == std::vector<std::string>{"/a.log"});
  CHECK(config->log_timestamp_format.empty());
  CHECK(config->ports.empty());
  CHECK(config->coturn_networks.size() == 2);

  scratch.write("detected.yaml", "log: syslog\nlog_file: []\n");
  scratch.write("main.yaml", "");
  config = load_config(scratch / "main.yaml", true, scratch / "detected.yaml");
  REQUIRE(config);
  CHECK(config->log_file == Config{}.log_file);
  CHECK(config->ports == Config{}.ports);
  CHECK(config->coturn_log == CoturnLog::syslog);
}

TEST_CASE("a broken detected file is told beside the operator's own mistakes", "[config]") {
  const ScratchDirectory scratch;
  scratch.write("main.yaml", "mode: x\n");
  scratch.write("detected.yaml", "log: x\n");
  const auto config = load_config(scratch / "main.yaml", true, scratch / "detected.yaml");
  REQUIRE_FALSE(config);
  CHECK(config.error().size() == 2);
}

TEST_CASE("a file that is none, or that may not be read, is a mistake", "[config]") {
  const ScratchDirectory scratch;
  scratch.write("main.yaml/x", "");
  const auto directory = load_config(scratch / "main.yaml", true, "");
  REQUIRE_FALSE(directory);
  CHECK_THAT(directory.error()[0], contains_text("main.yaml: cannot be read: Is a directory"));
  scratch.write("secret.yaml", "mode: observe\n");
  REQUIRE(::chmod((scratch / "secret.yaml").c_str(), 0) == 0);
  if (::geteuid() != 0) {
    const auto secret = load_config(scratch / "secret.yaml", false, "");
    REQUIRE_FALSE(secret);
    CHECK_THAT(secret.error()[0], contains_text("Permission denied; it must be readable for"));
  }
}

TEST_CASE("the breaker closes after an hour and minds no rate unless it is told to", "[config][breaker]") {
  const auto usual = parse_config("", "x");
  CHECK(usual->breaker.time == 1h);
  CHECK(usual->breaker.bans_per_minute == 0);
  const auto config = parse_config("breaker_time: 0s\nbreaker_bans_per_minute: 30\n", "x");
  REQUIRE(config);
  CHECK(config->breaker.time == 0s);
  CHECK(config->breaker.bans_per_minute == 30);
  CHECK_FALSE(parse_config("breaker_bans_per_minute: 1000001\n", "x"));
}

TEST_CASE("the gate is off unless it is wanted, and its keys are held to their bounds", "[config][gate]") {
  CHECK(parse_config("", "x")->gate == GateMode::off);
  const auto config = parse_config(
      "gate: udp\ngate_queue: 7\nquench_requests: 50\nquench_window: 5s\nquench_time: 2m\n", "x");
  REQUIRE(config);
  CHECK(config->gate == GateMode::udp);
  CHECK(config->gate_queue == 7);
  CHECK(config->quench.requests == 50);
  CHECK(config->quench.window == 5s);
  CHECK(config->quench.duration == 2min);
  CHECK(parse_config("gate: on\n", "x")->gate == GateMode::all);
  const auto wrong =
      parse_config("gate: onn\ngate_queue: 65536\nquench_requests: 9\nquench_window: 0s\n", "x");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().size() == 4);
}

TEST_CASE("the gate looks at no port where coturn's administrators speak something else", "[config][gate]") {
  Config config;
  config.detected_ports = {{3478, 3478}, {5766, 5766}, {8080, 8080}};
  config.admin_ports = {{5766, 5766}, {8080, 8080}};
  CHECK(gate_ports(config) == std::vector<PortRange>{{3478, 3478}});
  config.detected_ports = {};
  CHECK(gate_ports(config) == Config{}.ports);
}

TEST_CASE("the gate looks at no port where peers send media", "[config][gate]") {
  Config config;
  config.ports_automatic = false;
  config.ports = {{1024, 65'535}};
  config.relay_ports = {{20'000, 20'001}, {60'000, 65'535}};
  CHECK(gate_ports(config) == std::vector<PortRange>{{1024, 19'999}, {20'002, 59'999}});
  config.relay_ports = {{1, 65'535}};
  CHECK(gate_ports(config) == config.ports);
}

TEST_CASE("closing the whole machine makes no other server coturn for the witness", "[config]") {
  const std::vector<PortRange> relay{{49'152, 65'535}};
  Config config = *parse_config("ports: all\n", "a.yaml");
  CHECK(coturn_ports(config) == CoturnPorts{Config{}.ports, {}, relay});
  config.detected_ports = {{4000, 4000}};
  CHECK(coturn_ports(config) == CoturnPorts{{{4000, 4000}}, {}, relay});
}

TEST_CASE("of the listed ports those are coturn's for certain that its configuration names, too",
          "[config]") {
  Config config = *parse_config("ports: [443, 5000-5349]\n", "a.yaml");
  const std::vector<PortRange> relay{{49'152, 65'535}};
  const std::vector<PortRange> listed{{443, 443}, {5000, 5349}};
  CHECK(coturn_ports(config) == CoturnPorts{{{5349, 5349}}, listed, relay});
  config.detected_ports = {{443, 443}, {3478, 3478}};
  config.admin_ports = {{8080, 8080}};
  config.relay_ports = {{20'000, 30'000}};
  CHECK(coturn_ports(config) == CoturnPorts{{{443, 443}, {8080, 8080}}, listed, {{20'000, 30'000}}});
}
