// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "doctor/checks.hpp"
#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard::doctor {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds kQuiet = hours(24);
constexpr std::uint64_t kFewLines = 100;          // of which no judgement is made
constexpr std::uint64_t kFewTexts = 3;            // somebody's broken client
constexpr std::uint64_t kFewClients = 20;         // the same
constexpr std::uint64_t kLargeLog = 200'000'000;  // bytes, of a log that nobody rotates
constexpr const char* kLogToFile =
    "in /etc/turnserver.conf set log-file=/var/log/coturn/coturn.log and simple-log; "
    "install -d -o turnserver -g adm -m 0750 /var/log/coturn; systemctl restart coturn";

bool follows_file(const Facts& facts) {
  return facts.source.kind == "file";
}

std::string names(const Facts& facts) {
  return fmt::format("{}", fmt::join(facts.source.names, ", "));
}

}  // namespace

Findings check_configuration(const Facts& facts) {
  if (facts.config_problems.empty())
    return {{Health::ok, "configuration", "our configuration and the rule book can be read"}};
  Findings findings;
  for (const auto& problem : facts.config_problems)
    findings.push_back(
        {Health::fail, "configuration", problem, "coturn-guard check-config, until it says ok"});
  return findings;
}

Findings check_log_exists(const Facts& facts) {
  constexpr const char* kCheck = "log.exists";
  if (follows_file(facts)) {
    if (!facts.logs.empty()) return {{Health::ok, kCheck, facts.source.sentence}};
    return {{Health::fail, kCheck, "coturn has no log that we could follow: nothing is at " + names(facts),
             kLogToFile}};
  }
  if (!facts.live) return {{Health::ok, kCheck, facts.source.sentence}};
  switch (facts.live->journal.access) {
    case JournalAccess::absent:
      return {{Health::fail, kCheck, "coturn logs to syslog, and there is no journal that would keep it",
               kLogToFile}};
    case JournalAccess::forbidden:
      return {{Health::warn, kCheck, "the journal may not be read by who asks; not looked at",
               "run doctor as root"}};
    case JournalAccess::readable: break;
  }
  const bool found = facts.source.kind == "journal" ? facts.live->journal.has_syslog
                                                    : facts.live->journal.has_standard_output;
  if (found) return {{Health::ok, kCheck, facts.source.sentence}};
  return {{Health::warn, kCheck, fmt::format("the journal has nothing of {}", names(facts)),
           "is coturn running under another unit? Then set journal_units; systemctl list-units '*turn*'"}};
}

Findings check_log_private(const Facts& facts) {
  if (facts.private_logs.empty()) return {};
  return {{Health::fail, "log.private",
           "coturn writes its log where only its own unit sees it (PrivateTmp), because it may not write "
           "where it "
           "should: " +
               escape(facts.private_logs.front()),
           kLogToFile}};
}

Findings check_log_readable(const Facts& facts) {
  constexpr const char* kCheck = "log.readable";
  if (!facts.user) return {};
  const auto& user = *facts.user;
  if (!follows_file(facts)) return {};
  Findings findings;
  for (const auto& log : facts.logs) {
    const auto barrier = first_barrier(log.way, user);
    if (!barrier) continue;
    findings.push_back(
        {Health::fail, kCheck,
         fmt::format("{} may not read {}: {} has mode {:04o}", user.name, log.path, barrier->path,
                     barrier->mode & 07777U),
         barrier->path == log.path
             ? fmt::format("chgrp adm {0} && chmod g+r {0} (and its directory setgid, so that it stays)",
                           log.path)
             : fmt::format("chgrp adm {0} && chmod g+x {0}", barrier->path)});
  }
  if (findings.empty() && !facts.logs.empty())
    findings.push_back({Health::ok, kCheck, fmt::format("{} may read coturn's log", user.name)});
  return findings;
}

Findings check_log_fresh(const Facts& facts) {
  if (!follows_file(facts) || facts.logs.empty()) return {};
  const auto newest = std::min_element(facts.logs.begin(), facts.logs.end(),
                                       [](const LogFile& a, const LogFile& b) { return a.quiet < b.quiet; });
  const auto said = fmt::format("{} was last written to {} ago", newest->path,
                                to_string(std::max(newest->quiet, seconds(1))));
  if (newest->quiet < kQuiet) return {{Health::ok, "log.fresh", said}};
  return {{Health::warn, "log.fresh", said,
           "does coturn run, and does it write there? ls -l /proc/$(pidof turnserver)/fd"}};
}

Findings check_log_recognised(const Facts& facts) {
  constexpr const char* kCheck = "log.recognised";
  if (!facts.tail || facts.tail->lines == 0) return {};
  const auto& tail = *facts.tail;
  const auto said =
      fmt::format("{} of the last {} lines are recognised as coturn's", tail.recognised, tail.lines);
  if (tail.recognised > 0 || tail.lines < kFewLines) return {{Health::ok, kCheck, said}};
  return {{Health::fail, kCheck, said,
           "set log_file to coturn's log, and log_timestamp_format where turnserver.conf has its own; "
           "coturn-guard explain - <LOG says what a line is"}};
}

// In the journal a record keeps its bounds.
Findings check_log_smoke(const Facts& facts) {
  if (!follows_file(facts) || !facts.tail || facts.tail->hostile_texts < kFewTexts) return {};
  return {{Health::warn, "log.smoke",
           fmt::format("{} of the last {} lines hold a text that no honest client sends; in a file of coturn "
                       "up to 4.16 such a text can pass for lines, and offences right behind it are not "
                       "believed",
                       facts.tail->hostile_texts, facts.tail->lines),
           "have coturn log to syslog and follow the journal, or run coturn 4.17 or newer; gate: on is no "
           "substitute, it drops only texts with control bytes; coturn-guard status tells what was lost"}};
}

Findings check_log_rotation(const Facts& facts) {
  constexpr const char* kCheck = "log.rotation";
  if (!follows_file(facts)) return {};
  Findings findings;
  for (const auto& rotation : facts.rotations) {
    const bool ours = std::any_of(facts.logs.begin(), facts.logs.end(),
                                  [&](const LogFile& log) { return rotation.rotates(log.path); }) ||
                      std::any_of(facts.source.names.begin(), facts.source.names.end(),
                                  [&](const std::string& name) { return rotation.rotates(name); });
    if (!ours) continue;
    if (rotation.copytruncate || rotation.tells_coturn() || !rotation.create)
      findings.push_back(
          {Health::ok, kCheck, rotation.file + " rotates coturn's log so that coturn notices"});
    else
      findings.push_back(
          {Health::warn, kCheck,
           rotation.file + " renames coturn's log and never tells coturn, which goes on writing to the "
                           "old file for ever: the new one stays empty and the disk fills",
           "put the line 'copytruncate' into it, or: postrotate / systemctl kill -s HUP coturn / "
           "endscript (only with log-file, never with syslog)"});
  }
  if (findings.empty() && std::any_of(facts.logs.begin(), facts.logs.end(),
                                      [](const LogFile& log) { return log.bytes > kLargeLog; }))
    findings.push_back({Health::warn, kCheck, "nothing rotates coturn's log, and it is larger than 200 MB",
                        "a snippet in /etc/logrotate.d for it, with copytruncate"});
  return findings;
}

Findings check_syslog_hangup(const Facts& facts) {
  if (!facts.coturn || facts.coturn->log != CoturnLog::syslog) return {};
  Findings findings;
  for (const auto& rotation : facts.rotations)
    if (rotation.hangs_up_coturn())
      findings.push_back(
          {Health::fail, "log.hangup",
           rotation.file + " sends SIGHUP to coturn, and a coturn with option syslog dies of it",
           "remove the signal from that file: with syslog coturn has no log to reopen"});
  return findings;
}

Findings check_proxy_in_front(const Facts& facts) {
  if (!facts.tail || facts.tail->clients < kFewClients) return {};
  const auto& tail = *facts.tail;
  if (tail.most_frequent * 20 < tail.clients * 19)
    return {{Health::ok, "clients",
             fmt::format("the last {} lines that name a client name different ones", tail.clients)}};
  return {
      {Health::warn, "clients",
       fmt::format("{} of the last {} lines that name a client name {}: is that a proxy, a NAT or Docker in "
                   "front of coturn? Then everybody is banned with one",
                   tail.most_frequent, tail.clients, tail.address),
       fmt::format("ignoreip: [{}], and let coturn see its clients: PROXY protocol (tcp-proxy-port), or no "
                   "proxy for TURN",
                   tail.address)}};
}

}  // namespace coturn_guard::doctor
