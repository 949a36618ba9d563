// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "doctor/checks.hpp"

namespace coturn_guard::doctor {
namespace {

// Measured: a request of HTTP to such a listener ends coturn (a %s is given a number).
constexpr CoturnVersion kFirstWorkersCrash{{4, 5, 2, 0}};
constexpr CoturnVersion kLastWorkersCrash{{4, 6, 1, 0}};
// Its check of an administrator's password was the wrong way round (coturn #1802).
constexpr CoturnVersion kFirstAnyPassword{{4, 6, 3, 0}};
constexpr CoturnVersion kAnyPasswordMended{{4, 9, 0, 0}};
// Answers over UDP leave with a TTL of 1 (coturn #2043).
constexpr CoturnVersion kFirstShortAnswers{{4, 17, 0, 0}};
constexpr CoturnVersion kLastShortAnswers{{4, 17, 1, 0}};
// From here on an attacker's newline does not end a record.
constexpr CoturnVersion kNoForging{{4, 17, 0, 0}};

}  // namespace

Findings check_coturn_configuration(const Facts& facts) {
  constexpr const char* kCheck = "coturn.configuration";
  if (!facts.coturn_problem.empty())
    return {{Health::warn, kCheck, facts.coturn_problem + "; coturn's options were not looked at",
             "run doctor as root"}};
  if (!facts.coturn)
    return {{Health::warn, kCheck,
             "there is no /etc/turnserver.conf: what coturn is told on its command line or in a "
             "container is not seen",
             "set log_file and ports in /etc/coturn-guard/coturn-guard.yaml"}};
  return {{Health::ok, kCheck, facts.coturn->path + " was read"}};
}

Findings check_verbose(const Facts& facts) {
  if (!facts.coturn) return {};
  if (facts.coturn->verbose)
    return {{Health::ok, "coturn.verbose", "coturn tells who logs in and how sessions end"}};
  return {
      {Health::warn, "coturn.verbose",
       "coturn's option verbose is off: not seen are logins (so customers have no credit), which address "
       "guesses "
       "passwords, failed TLS handshakes, HTTP probes, quota and allocation floods, except what the kernel's "
       "witness tells",
       "add the line 'verbose' to /etc/turnserver.conf (not Verbose) and restart coturn"}};
}

// What the running daemon sees in who logs in and who fails.
Findings check_customers(const Facts& facts) {
  if (!facts.live) return {};
  Findings found;
  if (!facts.live->gateway.empty())
    found.push_back(
        {Health::warn, "customers.gateway",
         facts.live->gateway +
             " carries most logins: a proxy or a gateway in front of coturn. It is measured by the "
             "number of its users, and a ban of it is a ban of them all",
         "let coturn see the clients' own addresses (tcp-proxy-port, no source NAT), or list it "
         "in ignoreip"});
  if (!facts.live->private_sources.empty())
    found.push_back({Health::warn, "customers.private_sources",
                     "private addresses misbehave and are not banned, for many may stand behind one: " +
                         facts.live->private_sources,
                     "a balancer: switch its PROXY protocol on, towards tcp-proxy-port alone; a container "
                     "bridge or a NAT: let coturn see the clients' own addresses; else list it in ignoreip"});
  if (!facts.live->health_checks.empty())
    found.push_back(
        {Health::ok, "customers.health_checks",
         "taken for health checks by their regularity, and not banned while they go on like that: " +
             facts.live->health_checks + ". Where they are yours, list them in ignoreip"});
  if (!facts.live->breaker.empty())
    found.push_back({Health::warn, "customers.breaker", "the circuit breaker is " + facts.live->breaker,
                     "look at what changed: coturn's users, passwords or shared secret; then: coturn-guard "
                     "breaker close"});
  return found;
}

Findings check_proxy_port(const Facts& facts) {
  if (!facts.coturn || facts.coturn->proxy_port == 0) return {};
  const auto port = facts.coturn->proxy_port;
  if (facts.coturn->on_loopback_only)
    return {
        {Health::ok, "coturn.proxy_port", fmt::format("tcp-proxy-port {} listens on loopback only", port)}};
  return {
      {Health::warn, "coturn.proxy_port",
       fmt::format(
           "whoever reaches tcp-proxy-port {} chooses the client address that coturn believes and logs: he "
           "can have anybody banned",
           port),
       fmt::format("let only the balancer reach it: nft add rule inet filter input tcp dport {} ip saddr != "
                   "BALANCER drop; and list the balancer in ignoreip",
                   port)}};
}

Findings check_web_admin_on_workers(const Facts& facts) {
  constexpr const char* kCheck = "coturn.web_admin";
  if (!facts.coturn || !facts.coturn->web_admin_on_workers) return {};
  constexpr const char* kRemedy =
      "remove web-admin-listen-on-workers from /etc/turnserver.conf, or upgrade coturn to 4.6.2 or newer";
  if (!facts.version)
    return {{Health::warn, kCheck,
             "web-admin-listen-on-workers: coturn 4.5.2 to 4.6.1 dies of one HTTP request to it; "
             "which version runs is not known",
             kRemedy}};
  if (*facts.version < kFirstWorkersCrash || *facts.version > kLastWorkersCrash) return {};
  return {{Health::fail, kCheck,
           fmt::format("web-admin-listen-on-workers: anybody can end coturn {} with one HTTP request",
                       facts.version->to_string()),
           kRemedy}};
}

Findings check_web_admin_password(const Facts& facts) {
  constexpr const char* kCheck = "coturn.web_admin_password";
  if (!facts.coturn || !facts.coturn->web_admin || !facts.version) return {};
  if (*facts.version < kFirstAnyPassword || *facts.version >= kAnyPasswordMended) return {};
  return {
      {Health::fail, kCheck,
       fmt::format("web-admin of coturn {} lets in whoever knows an administrator's name, with any password "
                   "but the right one",
                   facts.version->to_string()),
       "remove web-admin from /etc/turnserver.conf, or upgrade coturn to 4.9.0 or newer"}};
}

Findings check_no_auth(const Facts& facts) {
  if (!facts.coturn || !facts.coturn->no_auth) return {};
  return {
      {Health::warn, "coturn.no_auth",
       "no-auth: anybody may relay through coturn without a password, so that there are no guesses to see, "
       "and whoever gets an allocation is taken for a customer, an abuser too: weak offences of its "
       "address cost nothing for an hour",
       "give clients passwords (lt-cred-mech or use-auth-secret), and remove no-auth from "
       "/etc/turnserver.conf"}};
}

Findings check_rate_limit(const Facts& facts) {
  if (!facts.coturn || !facts.coturn->unauthorized_ratelimit) return {};
  return {
      {Health::warn, "coturn.unauthorized_ratelimit",
       "unauthorized-ratelimit: all clients share 4096 buckets of 10 answers a second, chosen by a hash that "
       "anybody can reckon. Customers who share one with an attacker, or an address with each other, cannot "
       "log in over UDP, and no line names them",
       "remove it from /etc/turnserver.conf, and write gate: on in our configuration: that limits each "
       "source alone"}};
}

Findings check_answers_arrive(const Facts& facts) {
  if (!facts.version || *facts.version < kFirstShortAnswers || *facts.version > kLastShortAnswers) return {};
  return {
      {Health::warn, "coturn.ttl",
       fmt::format("coturn {} sends its answers over UDP with a TTL of 1: behind any router, Docker's too, "
                   "logins by UDP time out, and only TCP and TLS work. No ban of ours does that",
                   facts.version->to_string()),
       "upgrade coturn beyond 4.17.1, or go back to 4.16.0 (coturn #2043)"}};
}

Findings check_version(const Facts& facts) {
  constexpr const char* kCheck = "coturn.version";
  if (!facts.version)
    return {{Health::warn, kCheck,
             "which coturn runs is not known: no package, and no banner in the last lines",
             "turnserver --version; is it older than 4.17.0?"}};
  const auto holes = holes_of(*facts.version);
  const auto version = fmt::format("coturn {} ({})", facts.version->to_string(), facts.version_from);
  if (holes.empty()) return {{Health::ok, kCheck, version + " has no hole that we know of"}};
  std::vector<std::string> words;
  std::transform(holes.begin(), holes.end(), std::back_inserter(words),
                 [](const Hole& hole) { return fmt::format("{} {}", hole.id, hole.what); });
  auto what = fmt::format("{} has known holes, unless your distribution mended them: {}", version,
                          fmt::join(words, "; "));
  if (*facts.version < kNoForging)
    what += "; and attackers can write lines of their own into its log file (we do not believe them)";
  return {{Health::warn, kCheck, what, "upgrade coturn: 4.17.0 has none of them"}};
}

Findings check_namespace(const Facts& facts) {
  if (!facts.live) return {};
  const auto& coturns = facts.live->coturns;
  const auto elsewhere =
      std::find_if(coturns.begin(), coturns.end(), [](const Process& p) { return p.elsewhere; });
  if (elsewhere == coturns.end()) return {};
  return {
      {Health::warn, "coturn.namespace",
       fmt::format(
           "coturn (process {}) runs in a network namespace of its own, a container: the kernel's witness "
           "does not see its connections, and bans hold only for traffic that passes this host's "
           "prerouting",
           elsewhere->id),
       "run the container with host networking (network_mode: host), as coturn recommends anyway"}};
}

Findings check_witness(const Facts& facts) {
  constexpr const char* kCheck = "witness";
  if (!facts.live) return {};
  const auto& live = *facts.live;
  if (!facts.config.witness)
    return {{Health::warn, kCheck, "witness: off: TCP offences are believed on the log's word alone",
             "remove that line from our configuration, or write witness: auto"}};
  if (!live.witness)
    return {{Health::warn, kCheck,
             "whether the kernel tells of closed connections was not asked: " + live.witness_problem,
             "run doctor as root"}};
  if (live.witness->available)
    return {{Health::ok, kCheck, "the kernel tells of every connection to coturn that ends"}};
  if (live.witness->undecided)
    return {{Health::warn, kCheck,
             "no witness, so TCP offences are believed on the log's word alone: " + live.witness->why,
             "keep other users off coturn's ports (`ports`), or let coturn be known: by its unit "
             "(journal_units), or by a log file that it owns"}};
  return {{Health::warn, kCheck,
           "no witness, so TCP offences are believed on the log's word alone: " + live.witness->why,
           live.coturns.empty() ? "start coturn"
                                : "are `ports` those that coturn listens on, in this network namespace?"}};
}

}  // namespace coturn_guard::doctor
