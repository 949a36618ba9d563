// SPDX-License-Identifier: GPL-3.0-or-later
#include "detected.hpp"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "support/catch.hpp"
#include "support/scratch_directory.hpp"

using namespace coturn_guard;
using coturn_guard::test::ScratchDirectory;

TEST_CASE("what was detected is read back as it was", "[detected]") {
  Detected detected;
  detected.log = CoturnLog::file;
  detected.log_file = {"/var/log/it's.log", "/srv/a: b #c_*.log", "/ümlaut.log"};
  detected.log_timestamp_format = "'%F' \"%T\" \\ {}";
  detected.verbose = true;
  detected.ports = {{1, 1}, {3478, 3480}};
  detected.admin_ports = {{5766, 5766}};
  detected.web_admin_ports = {{8080, 8080}};
  detected.relay_ports = {{20'000, 30'000}};
  detected.listening_ip = {*Address::parse("2001:db8::1"), *Address::parse("192.0.2.1")};
  detected.external_ip = {*Address::parse("198.51.100.1")};
  const auto back = parse_detected(detected_yaml(detected, "/etc/a\nb.conf"), "detected.yaml");
  REQUIRE(back);
  CHECK(back->log == detected.log);
  CHECK(back->log_file == detected.log_file);
  CHECK(back->log_timestamp_format == detected.log_timestamp_format);
  CHECK(back->verbose);
  CHECK(back->ports == detected.ports);
  CHECK(back->admin_ports == detected.admin_ports);
  CHECK(back->web_admin_ports == detected.web_admin_ports);
  CHECK(back->relay_ports == detected.relay_ports);
  CHECK(back->listening_ip == detected.listening_ip);
  CHECK(back->external_ip == detected.external_ip);
  for (const auto log : {CoturnLog::unknown, CoturnLog::syslog, CoturnLog::standard_output}) {
    detected.log = log;
    CHECK(parse_detected(detected_yaml(detected, "x"), "y")->log == log);
  }
}

TEST_CASE("a detected file that somebody else wrote is refused with a remedy", "[detected]") {
  for (const auto* yaml :
       {"words", "[]", "log: elsewhere", "ports: 3478", "ports: [x]", "external_ip: [::1/128]",
        "mode: observe", "log: file\nlog: file", "log_file: [relative]", "log: [a"}) {
    INFO(yaml);
    const auto detected = parse_detected(yaml, "d.yaml");
    REQUIRE_FALSE(detected);
    CHECK_THAT(detected.error()[0], Catch::Matchers::StartsWith("d.yaml:"));
  }
  CHECK(parse_detected("", "d.yaml"));
}

TEST_CASE("no secret of coturn's configuration leaves it", "[detected]") {
  const ScratchDirectory scratch;
  // Every option of coturn that holds a secret, a user or a key, with one word that must not be found again.
  scratch.write("turnserver.conf", R"(static-auth-secret=TOPSECRET
user=TOPSECRET:TOPSECRET
cli-password=TOPSECRET
pkey-pwd=TOPSECRET
pkey=/etc/TOPSECRET.pem
cert=/etc/TOPSECRET.pem
secret-key-file=/etc/TOPSECRET
psql-userdb="host=db user=TOPSECRET password=TOPSECRET"
mysql-userdb="host=db user=TOPSECRET password=TOPSECRET"
mongo-userdb="mongodb://TOPSECRET:TOPSECRET@db"
redis-userdb="ip=192.0.2.1 password=TOPSECRET"
redis-statsdb="ip=192.0.2.1 password=TOPSECRET"
userdb=/var/lib/TOPSECRET
realm=TOPSECRET.example.org
server-name=TOPSECRET
TOPSECRET
log-fileTOPSECRET=/TOPSECRET
listening-port=TOPSECRET
external-ip=TOPSECRET
aux-server=TOPSECRET
cli-ip=TOPSECRET
web-admin-ip=TOPSECRET
# log-file=/TOPSECRET
log-file=/var/log/turn.log
simple-log
)");
  const auto said = detect_command(scratch / "turnserver.conf", scratch / "detected.yaml");
  REQUIRE(said);
  const std::string written = scratch.read("detected.yaml");
  CHECK_THAT(written, contains_text("'/var/log/turn.log'"));
  CHECK_THAT(written, !contains_text("TOPSECRET"));
  CHECK_THAT(*said, !contains_text("TOPSECRET"));
}

TEST_CASE("the detected file is readable by all and replaced in one step", "[detected]") {
  const ScratchDirectory scratch;
  scratch.write("turnserver.conf", "log-file=/a.log\nsimple-log\n");
  REQUIRE(detect_command(scratch / "turnserver.conf", scratch / "detected.yaml"));
  struct stat facts {};
  REQUIRE(::stat((scratch / "detected.yaml").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07777) == 0644);
  scratch.write("turnserver.conf", "syslog\n");
  CHECK_THAT(detect_command(scratch / "turnserver.conf", scratch / "detected.yaml").value(),
             contains_text("logs to syslog"));
  CHECK(parse_detected(scratch.read("detected.yaml"), "d.yaml")->log == CoturnLog::syslog);
  CHECK(scratch.names() == std::vector<std::string>{"detected.yaml", "turnserver.conf"});
}

TEST_CASE("without coturn's configuration an earlier finding is removed", "[detected]") {
  const ScratchDirectory scratch;
  scratch.write("detected.yaml", "log: syslog\n");
  CHECK(detect_command(scratch / "none", scratch / "detected.yaml"));
  CHECK(scratch.names().empty());
  CHECK(detect_command(scratch / "none", scratch / "detected.yaml"));
}

TEST_CASE("what cannot be read or written is an error that names it", "[detected]") {
  const ScratchDirectory scratch;
  scratch.write("turnserver.conf", "syslog\n");
  const auto unwritable = detect_command(scratch / "turnserver.conf", scratch / "missing/detected.yaml");
  REQUIRE_FALSE(unwritable);
  CHECK_THAT(unwritable.error().message(), contains_text("missing/detected.yaml: No such file"));
  REQUIRE_FALSE(detect_command(scratch / "", scratch / "detected.yaml"));
  scratch.write("large.conf", std::string((1U << 20) + 1, '#'));
  REQUIRE_FALSE(detect_command(scratch / "large.conf", scratch / "detected.yaml"));
}
