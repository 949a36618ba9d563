// SPDX-License-Identifier: GPL-3.0-or-later
#include "config.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

Config good(const std::string& yaml) {
  auto config = parse_config(yaml, "a.yaml");
  REQUIRE(config);
  return std::move(*config);
}

std::string problem(const std::string& yaml) {
  const auto config = parse_config(yaml, "a.yaml");
  REQUIRE_FALSE(config);
  REQUIRE(config.error().size() == 1);
  return config.error().front();
}

}  // namespace

TEST_CASE("metrics are off unless a loopback address or a socket is configured", "[config][metrics]") {
  CHECK(good("").metrics.off());
  CHECK(good("metrics: off").metrics.off());
  CHECK(good("metrics: 127.0.0.1:9105").metrics.to_string() == "127.0.0.1:9105");
  CHECK(good("metrics: 127.9.9.9:1").metrics.tcp.port == 1);
  CHECK(good("metrics: \"[::1]:65535\"").metrics.to_string() == "[::1]:65535");
  CHECK(good("metrics: unix:/run/coturn-guard/m.sock").metrics.path == "/run/coturn-guard/m.sock");
  CHECK(good("metrics_file: off").metrics_file.empty());
  CHECK(good("metrics_file: /run/coturn-guard/x.prom").metrics_file == "/run/coturn-guard/x.prom");
}

TEST_CASE("metrics at an address that others reach are refused, and it says why", "[config][metrics]") {
  for (const auto* address : {"0.0.0.0:9105", "192.0.2.1:9105", "\"[2001:db8::1]:9105\"", "\"[::]:9105\""})
    CHECK(problem(std::string("metrics: ") + address).find("neither a password nor encryption") !=
          std::string::npos);
}

TEST_CASE("an address for metrics that is none is told with what one looks like", "[config][metrics]") {
  for (const auto* address : {"127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "9105", "localhost:9105", "on"})
    CHECK(problem(std::string("metrics: ") + address).find("as 127.0.0.1:9105 or") != std::string::npos);
  CHECK(problem("metrics: unix:m.sock") ==
        "a.yaml:1:15: metrics: \"m.sock\" is no absolute path: it must begin with /");
  CHECK(problem("metrics: unix:/" + std::string(107, 'x')).find("at most 107 bytes") != std::string::npos);
  CHECK(problem("metrics_file: x.prom").find("no absolute path") != std::string::npos);
}
