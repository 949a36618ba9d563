// SPDX-License-Identifier: GPL-3.0-or-later
#include "turnserver_conf.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

using Names = std::vector<std::string>;

std::vector<PortRange> single(std::initializer_list<std::uint16_t> ports) {
  std::vector<PortRange> ranges;
  for (const auto port : ports) ranges.push_back({port, port});
  return ranges;
}

}  // namespace

TEST_CASE("an empty configuration is coturn's defaults", "[detected]") {
  const Detected detected = parse_turnserver_conf("");
  CHECK(detected.log == CoturnLog::file);
  CHECK(detected.log_file == Names{"/var/log/turnserver/turn_*.log", "/var/log/turn_*.log"});
  CHECK(detected.ports == single({3478, 3479, 5349, 5350}));
  CHECK(detected.log_timestamp_format.empty());
  CHECK_FALSE(detected.verbose);
  CHECK(parse_turnserver_conf("simple-log\n").log_file ==
        Names{"/var/log/turnserver/turn.log", "/var/log/turn.log"});
}

TEST_CASE("Debian's stock configuration logs to syslog", "[detected]") {
  const Detected detected = parse_turnserver_conf(
      "# Coturn TURN SERVER configuration file\n#\n#log-file=/var/tmp/turn.log\nsyslog\n"
      "no-rfc5780\nno-stun-backward-compatibility\n");
  CHECK(detected.log == CoturnLog::syslog);
  CHECK(detected.log_file.empty());
}

TEST_CASE("a log file has its own name with simple-log, a dated one without", "[detected]") {
  CHECK(parse_turnserver_conf("log-file=/x/coturn.log\nsimple-log\n").log_file == Names{"/x/coturn.log"});
  CHECK(parse_turnserver_conf("simple-log=no\nlog-file=/x/coturn.log\n").log_file ==
        Names{"/x/coturn_*.log"});
  CHECK(parse_turnserver_conf("log-file=/x/turn\n").log_file == Names{"/x/turn_*.log"});
  CHECK(parse_turnserver_conf("log-file=/x/turn-\n").log_file == Names{"/x/turn-*.log"});
  CHECK(parse_turnserver_conf("log-file=/x/\n").log_file == Names{"/x/*.log"});
  CHECK(parse_turnserver_conf("log-file=/x.d/turn\n").log_file == Names{"/x.d/turn_*.log"});
  CHECK(parse_turnserver_conf("log-file=/x/a.b.txt\n").log_file == Names{"/x/a.b_*.txt"});
  CHECK(parse_turnserver_conf("log-file=/x/turn.\n").log_file == Names{"/x/turn_*.log"});
  CHECK(parse_turnserver_conf("log-file=\"/my logs/turn.log\"\n").log_file == Names{"/my_logs/turn_*.log"});
}

TEST_CASE("logs that are no file are known as such", "[detected]") {
  CHECK(parse_turnserver_conf("log-file=stdout\n").log == CoturnLog::standard_output);
  CHECK(parse_turnserver_conf("log-file=-\n").log == CoturnLog::standard_output);
  CHECK(parse_turnserver_conf("log-file=syslog\n").log == CoturnLog::syslog);
  CHECK(parse_turnserver_conf("log-file=/x/turn.log\nsyslog=off\nsimple-log\n").log_file ==
        Names{"/x/turn.log"});
  CHECK(parse_turnserver_conf("syslog\nlog-file=/x/turn.log\n").log_file.empty());
  for (const auto* path : {"turn.log", "/x/*.log", "/x/[a].log", "/x/tu\rrn.log"}) {
    INFO(path);
    const Detected detected = parse_turnserver_conf(std::string("simple-log\nlog-file=") + path + "\n");
    CHECK(detected.log == CoturnLog::file);
    CHECK(detected.log_file.empty());
  }
}

TEST_CASE("lines are read as coturn reads them", "[detected]") {
  for (const auto* line :
       {"listening-port=4000", "listening-port 4000", "  listening-port\t=  4000  \r", "listening-port==4000",
        "listening-port=\"4000\"", "listening-port = \"4000\" ", "listening-port=1\nlistening-port=4000"}) {
    INFO(line);
    CHECK(parse_turnserver_conf(line).ports[0] == PortRange{4000, 4000});
  }
  for (const auto* line :
       {"#listening-port=4000", "Listening-port=4000", "listening-ports=4000", " # listening-port=4000"}) {
    INFO(line);
    CHECK(parse_turnserver_conf(line).ports == single({3478, 3479, 5349, 5350}));
  }
}

TEST_CASE("every port that clients reach is found, those on loopback are not", "[detected]") {
  CHECK(parse_turnserver_conf("listening-port=443\ntls-listening-port=8443\nalt-listening-port=1443\n"
                              "alt-tls-listening-port=9443\ntcp-proxy-port=5555\naux-server=192.0.2.1:33478\n"
                              "aux-server=[2001:db8::1]:33479\n")
            .ports == single({443, 1443, 8443, 9443, 5555, 33478, 33479}));
  CHECK(parse_turnserver_conf("web-admin\ncli-port=99\nweb-admin-port=88\n").ports ==
        single({3478, 3479, 5349, 5350}));
  CHECK(parse_turnserver_conf("web-admin\nweb-admin-ip=192.0.2.1\n").ports ==
        single({3478, 3479, 5349, 5350, 8080}));
  CHECK(parse_turnserver_conf("web-admin-ip=192.0.2.1\n").ports == single({3478, 3479, 5349, 5350}));
  CHECK(parse_turnserver_conf("").admin_ports.empty());
  CHECK(parse_turnserver_conf("cli-ip=0.0.0.0\n").ports == single({3478, 3479, 5349, 5350, 5766}));
  CHECK(parse_turnserver_conf("cli-ip=0.0.0.0\n").admin_ports == single({5766}));
  CHECK(parse_turnserver_conf("cli-ip=::1\n").admin_ports.empty());
  CHECK(parse_turnserver_conf("cli-ip=::1\n").ports == single({3478, 3479, 5349, 5350}));
  CHECK(parse_turnserver_conf("cli-ip=0.0.0.0\nno-cli\n").ports == single({3478, 3479, 5349, 5350}));
  const auto web_ports = [](const std::string& more) {
    return parse_turnserver_conf("web-admin\nweb-admin-port=88\n" + more).web_admin_ports;
  };
  CHECK(web_ports("").empty());
  CHECK(web_ports("web-admin-ip=192.0.2.1\ncli-ip=0.0.0.0\n") == single({88}));
  CHECK(web_ports("web-admin-ip=192.0.2.1\nweb-admin-listen-on-workers\n").empty());
  CHECK(parse_turnserver_conf("tcp-proxy-port=99999\nlistening-port=65535\n").ports ==
        single({65535, 5349, 5350}));
}

TEST_CASE("the ports that coturn relays through are found", "[detected]") {
  CHECK(parse_turnserver_conf("").relay_ports == std::vector<PortRange>{{49'152, 65'535}});
  CHECK(parse_turnserver_conf("min-port=20000\nmax-port 30000\n").relay_ports ==
        std::vector<PortRange>{{20'000, 30'000}});
  CHECK(parse_turnserver_conf("max-port=50000\n").relay_ports == std::vector<PortRange>{{49'152, 50'000}});
  for (const auto* odd : {"min-port=0\n", "min-port=x\n", "min-port=-1\n", "min-port=99999\n"})
    CHECK(parse_turnserver_conf(odd).relay_ports == std::vector<PortRange>{{1, 65'535}});
  CHECK(parse_turnserver_conf("min-port=30000\nmax-port=20000\n").relay_ports ==
        std::vector<PortRange>{{20'000, 30'000}});
}

TEST_CASE("addresses of ours are found, the unspecified ones say nothing", "[detected]") {
  const Detected detected = parse_turnserver_conf(
      "listening-ip=192.0.2.1\nlistening-ip=::\nlistening-ip=0.0.0.0\n"
      "listening-ip=2001:db8::1\nexternal-ip=198.51.100.1/10.0.0.1\n"
      "external-ip=turn.example.org\nexternal-ip=198.51.100.2\n");
  std::vector<std::string> found;
  for (const auto& [prefix, why, here] : own_networks(detected)) {
    found.push_back(prefix.to_string() + " " + why);
    CHECK(here);
  }
  CHECK(found == Names{"198.51.100.1/32 coturn's external-ip", "10.0.0.1/32 coturn's external-ip",
                       "198.51.100.2/32 coturn's external-ip", "192.0.2.1/32 coturn's listening-ip",
                       "2001:db8::1/128 coturn's listening-ip"});
}

TEST_CASE("a time format is taken as coturn cuts it", "[detected]") {
  CHECK(
      parse_turnserver_conf("new-log-timestamp\nnew-log-timestamp-format \"%F %T\"\n").log_timestamp_format ==
      "%F %T");
  CHECK(
      parse_turnserver_conf("new-log-timestamp-format=" + std::string(60, 'x') + "\n").log_timestamp_format ==
      std::string(47, 'x'));
  CHECK(parse_turnserver_conf("new-log-timestamp-format=%F %!\n").log_timestamp_format.empty());
}
