// SPDX-License-Identifier: GPL-3.0-or-later
// What needs a running system is asked here with facts made up; what stands in files,
// test/system/doctor_test.py asks with trees of files.
#include "doctor/checks.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;
using namespace coturn_guard::doctor;

namespace {

Facts healthy() {
  Facts facts;
  facts.source = {"journal", {"coturn.service"}, "the journal is followed", true};
  facts.coturn = CoturnOptions{.path = "/etc/turnserver.conf", .log = CoturnLog::syslog, .verbose = true};
  facts.version = CoturnVersion{{4, 17, 2, 0}};
  facts.version_from = "its log";
  facts.live.emplace();
  auto& live = *facts.live;
  live.journal = {JournalAccess::readable, true, true};
  live.service = live.coturn = "active";
  live.coturns = {{42, false}};
  live.witness = WitnessState{.available = true, .sure = true, .why = ""};
  live.kernel.canary = live.kernel.rule = {true, true};
  return facts;
}

Health worst(const Findings& findings) {
  auto worst = Health::ok;
  for (const auto& finding : findings) worst = std::max(worst, finding.health);
  return worst;
}

}  // namespace

TEST_CASE("a gateway and an open breaker are told as the daemon knows them", "[doctor]") {
  Facts facts = healthy();
  CHECK(check_customers(facts).empty());
  facts.live->gateway = "192.0.2.1/32";
  facts.live->breaker = "open, because of this";
  const auto findings = check_customers(facts);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].what.starts_with("192.0.2.1/32 carries most logins"));
  CHECK(findings[1].what == "the circuit breaker is open, because of this");
  CHECK(worst(findings) == Health::warn);
}

TEST_CASE("private sources and health checks are told as the daemon knows them", "[doctor]") {
  Facts facts = healthy();
  facts.live->health_checks = "203.0.113.50 tls-plain, every 2.0 s";
  auto findings = check_customers(facts);
  REQUIRE(findings.size() == 1);
  CHECK(worst(findings) == Health::ok);
  CHECK(findings[0].what.find("203.0.113.50 tls-plain, every 2.0 s") != std::string::npos);
  facts.live->private_sources = "10.1.0.9/32 proxy-protocol";
  findings = check_customers(facts);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].health == Health::warn);
  CHECK(findings[0].remedy.find("PROXY protocol") != std::string::npos);
}

TEST_CASE("a healthy machine has only good findings, and whoever is ill is told a remedy", "[doctor]") {
  for (const auto& finding : examine(healthy())) {
    INFO(finding.what);
    CHECK(finding.health == Health::ok);
    CHECK(finding.remedy.empty());
  }
  Facts ill;
  ill.live.emplace();
  ill.source = {"file", {"/var/log/coturn/coturn.log"}, "", false};
  ill.jails = {"[coturn] in /etc/fail2ban/jail.local"};
  ill.saved = {{"/etc/nftables.conf", 7, true}, {"/etc/iptables/rules.v4", 3, false}};
  ill.live->service = "failed";
  ill.live->coturns = {{42, true}};
  std::size_t bad = 0;
  for (const auto& finding : examine(ill)) {
    INFO(finding.what);
    if (finding.health == Health::ok) continue;
    ++bad;
    CHECK_FALSE(finding.remedy.empty());
  }
  CHECK(bad >= 9);
}

TEST_CASE("a service that does not run is a failure, one that nobody knows of a warning", "[doctor]") {
  auto facts = healthy();
  for (const auto* state : {"inactive", "failed", "activating"}) {
    facts.live->service = state;
    CHECK(worst(check_service(facts)) == Health::fail);
    CHECK(check_kernel(facts).empty());  // one trouble, one finding
  }
  facts.live->service = "";
  CHECK(worst(check_service(facts)) == Health::warn);
  facts.live.reset();
  CHECK(check_service(facts).empty());
}

TEST_CASE("a set without canary and a rule that is gone are failures, each by its family", "[doctor]") {
  auto facts = healthy();
  facts.live->kernel.canary = {false, true};
  facts.live->kernel.rule = {true, false};
  const auto found = check_kernel(facts);
  REQUIRE(found.size() == 2);
  CHECK(found[0].health == Health::fail);
  CHECK_THAT(found[0].what, contains_text("IPv4 set"));
  CHECK_THAT(found[1].what, contains_text("IPv6 drop rule"));
  facts.live->kernel.problem = "not permitted";
  CHECK(worst(check_kernel(facts)) == Health::warn);
  facts.config.mode = Mode::observe;
  CHECK_THAT(check_kernel(facts)[0].what, contains_text("observe"));
}

TEST_CASE("a journal that is not there, must not be read or has nothing of coturn's is told", "[doctor]") {
  auto facts = healthy();
  CHECK(worst(check_log_exists(facts)) == Health::ok);
  facts.live->journal.has_syslog = false;
  CHECK(worst(check_log_exists(facts)) == Health::warn);
  facts.source.kind = "journal-output";
  CHECK(worst(check_log_exists(facts)) == Health::ok);
  facts.live->journal.access = JournalAccess::forbidden;
  CHECK(worst(check_log_exists(facts)) == Health::warn);
  facts.live->journal.access = JournalAccess::absent;
  CHECK(worst(check_log_exists(facts)) == Health::fail);
}

TEST_CASE("no witness is told with its reason", "[doctor]") {
  auto facts = healthy();
  facts.live->witness = WitnessState{.available = false, .sure = false, .why = "nobody listens"};
  CHECK(worst(check_witness(facts)) == Health::warn);
  CHECK_THAT(check_witness(facts)[0].what, contains_text("nobody listens"));
  facts.live->witness.reset();
  facts.live->witness_problem = "Operation not permitted";
  CHECK_THAT(check_witness(facts)[0].what, contains_text("Operation not permitted"));
  facts.config.witness = false;
  CHECK_THAT(check_witness(facts)[0].what, contains_text("witness: off"));
}

TEST_CASE("a coturn in a container is told", "[doctor]") {
  auto facts = healthy();
  CHECK(check_namespace(facts).empty());
  facts.live->coturns.push_back({4711, true});
  CHECK_THAT(check_namespace(facts)[0].what, contains_text("4711"));
}

TEST_CASE("texts that no honest client sends are told where they can pass for lines", "[doctor]") {
  auto facts = healthy();
  facts.source.kind = "file";
  facts.tail = LogTail{.lines = 1000, .recognised = 1000, .hostile_texts = 2, .address = {}, .version = {}};
  CHECK(check_log_smoke(facts).empty());
  facts.tail->hostile_texts = 3;
  REQUIRE(check_log_smoke(facts).size() == 1);
  CHECK(worst(check_log_smoke(facts)) == Health::warn);
  CHECK_THAT(check_log_smoke(facts)[0].remedy, contains_text("4.17"));
  facts.source.kind = "journal";
  CHECK(check_log_smoke(facts).empty());
}

TEST_CASE("one address behind nearly all lines is a proxy, behind most of them is not", "[doctor]") {
  auto facts = healthy();
  facts.tail = LogTail{.lines = 1000,
                       .recognised = 1000,
                       .clients = 100,
                       .most_frequent = 95,
                       .address = "192.0.2.1",
                       .version = {}};
  CHECK(worst(check_proxy_in_front(facts)) == Health::warn);
  CHECK_THAT(check_proxy_in_front(facts)[0].remedy, contains_text("192.0.2.1"));
  facts.tail->most_frequent = 94;
  CHECK(worst(check_proxy_in_front(facts)) == Health::ok);
  facts.tail->clients = facts.tail->most_frequent = 19;  // too few to say
  CHECK(check_proxy_in_front(facts).empty());
}

TEST_CASE("a fail2ban that is stopped does not matter", "[doctor]") {
  auto facts = healthy();
  facts.jails = {"[coturn] in /etc/fail2ban/jail.local"};
  for (const auto* state : {"active", ""}) {
    facts.live->fail2ban = state;
    CHECK(worst(check_fail2ban(facts)) == Health::warn);
  }
  facts.live->fail2ban = "inactive";
  CHECK(check_fail2ban(facts).empty());
}

TEST_CASE("the web admin on workers kills 4.5.2 to 4.6.1 and nobody else", "[doctor]") {
  auto facts = healthy();
  facts.coturn->web_admin_on_workers = true;
  for (const auto* version : {"4.5.2", "4.6.0", "4.6.1"}) {
    facts.version = CoturnVersion::parse(version);
    CHECK(worst(check_web_admin_on_workers(facts)) == Health::fail);
  }
  for (const auto* version : {"4.5.1.3", "4.6.2", "4.17.0"}) {
    facts.version = CoturnVersion::parse(version);
    CHECK(check_web_admin_on_workers(facts).empty());
  }
  facts.version.reset();
  CHECK(worst(check_web_admin_on_workers(facts)) == Health::warn);
}

TEST_CASE("a web admin that takes any password is told from 4.6.3 up to before 4.9.0", "[doctor]") {
  auto facts = healthy();
  CHECK(check_web_admin_password(facts).empty());
  facts.coturn->web_admin = true;
  for (const auto* version : {"4.6.3", "4.7.0", "4.8.0"}) {
    facts.version = CoturnVersion::parse(version);
    CHECK(worst(check_web_admin_password(facts)) == Health::fail);
  }
  for (const auto* version : {"4.5.2", "4.6.1", "4.6.2", "4.9.0", "4.17.1"}) {
    facts.version = CoturnVersion::parse(version);
    CHECK(check_web_admin_password(facts).empty());
  }
}

TEST_CASE("answers that no router passes on are told for 4.17.0 and 4.17.1", "[doctor]") {
  auto facts = healthy();
  for (const auto* version : {"4.17.0", "4.17.1"}) {
    facts.version = CoturnVersion::parse(version);
    CHECK(worst(check_answers_arrive(facts)) == Health::warn);
  }
  for (const auto* version : {"4.16.0", "4.17.2"}) {
    facts.version = CoturnVersion::parse(version);
    CHECK(check_answers_arrive(facts).empty());
  }
}

TEST_CASE("no-auth and a rate limit that starves customers are told with their remedies", "[doctor]") {
  auto facts = healthy();
  CHECK(check_no_auth(facts).empty());
  CHECK(check_rate_limit(facts).empty());
  facts.coturn->no_auth = facts.coturn->unauthorized_ratelimit = true;
  CHECK(worst(check_no_auth(facts)) == Health::warn);
  CHECK(worst(check_rate_limit(facts)) == Health::warn);
}
