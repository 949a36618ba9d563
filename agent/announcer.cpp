// SPDX-License-Identifier: GPL-3.0-or-later
#include "announcer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "events.hpp"
#include "notice_words.hpp"
#include "util/duration.hpp"

namespace coturn_guard {
namespace {

constexpr std::uint64_t kLinesBeforeDoubt = 10'000;
// Coturn may be starting: it writes before it listens.
constexpr std::chrono::seconds kPatienceForWitness{10};
constexpr std::chrono::minutes kTotalsInterval{1};
constexpr std::size_t kNamedProtocols = 5;
constexpr std::chrono::minutes kRoomInterval{1};
constexpr double kMostByHand = 100, kByHandPerSecond = 20;  // below what util/log lets pass

// "SIP 40, DNS 7": the most frequent ones.
std::string most_frequent(const std::map<std::string_view, std::uint64_t>& counts) {
  std::vector<std::pair<std::uint64_t, std::string_view>> sorted;
  sorted.reserve(counts.size());
  for (const auto& [name, count] : counts) sorted.emplace_back(count, name);
  std::sort(sorted.rbegin(), sorted.rend());
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kNamedProtocols); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", sorted[i].second, sorted[i].first);
  return text;
}

const LogEvent& event_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::rule: break;
    case Notice::Kind::health_check: return events::kHealthCheck;
    case Notice::Kind::private_source: return events::kPrivateSource;
    case Notice::Kind::own_address: return events::kOwnAddress;
  }
  return events::kReport;
}

template <class Level>
int priority_of(Level level) {
  switch (level) {
    case Level::info: return LOG_INFO;
    case Level::warning: return LOG_WARNING;
    case Level::error: return LOG_ERR;
  }
  return LOG_ERR;
}

}  // namespace

void Announcer::ban_changed(const BanChange& change, bool simulated, const Now& now) {
  switch (change.kind) {
    case BanChange::Kind::asked: return;
    case BanChange::Kind::stands: return ban_stands(change, simulated, now);
    case BanChange::Kind::refused:
      if (!change.again) ban_refused(change.wish.record, now);
      return;
    case BanChange::Kind::ended: return ban_ended(change, now);
    case BanChange::Kind::expired:
      if (simulated || log_.suppresses(events::kBanExpired, now.mono)) return;
      log_.write(events::kBanExpired,
                 {{"prefix", change.wish.record.prefix.to_string()},
                  {"origin", std::string(origin_of(change.wish.record.cause))}},
                 now.mono);
  }
}

bool Announcer::tells_by_hand(const Now& now) {
  const std::chrono::duration<double> since = now.mono - by_hand_filled_;
  by_hand_ = std::min(kMostByHand, by_hand_ + since.count() * kByHandPerSecond);
  by_hand_filled_ = now.mono;
  if (by_hand_ < 1) return false;
  by_hand_ -= 1;
  return true;
}

void Announcer::ban_stands(const BanChange& change, bool simulated, const Now& now) {
  const LogEvent& event = simulated ? events::kWouldBan : events::kBan;
  const BanRecord& record = change.wish.record;
  const bool by_rule = record.cause == BanCause::rule;
  if (!by_rule && !tells_by_hand(now)) return;
  if (log_.suppresses(event, now.mono)) return;
  const bool forever = record.duration >= kForeverBan;
  log_.write(event,
             {{"address", record.address.to_string()},
              {"prefix", record.prefix.to_string()},
              {"for", forever ? "forever" : to_string(record.duration)},
              {"seconds", forever ? "" : std::to_string(record.duration.count())},
              {"rule", record.rule},
              {"evidence", by_rule ? std::string(to_string(record.evidence)) : ""},
              {"points", by_rule ? to_string(record.points) : ""},
              {"earlier_bans", std::to_string(record.earlier_bans)},
              {"protocol", std::string(change.wish.protocol)},
              {"time", by_rule ? to_string(change.wish.deed) : ""},
              {"origin", std::string(origin_of(record.cause))},
              {"reason", record.reason}},
             now.mono);
}

void Announcer::ban_refused(const BanRecord& record, const Now& now) {
  if (log_.suppresses(events::kBanFailed, now.mono)) return;
  log_.write(
      events::kBanFailed,
      {{"address", record.address.to_string()},
       {"prefix", record.prefix.to_string()},
       {"rule", record.rule},
       {"origin", std::string(origin_of(record.cause))},
       {"text", "it is not banned: the kernel did not take it. It is tried again while its ban would last"}},
      now.mono);
}

void Announcer::ban_ended(const BanChange& change, const Now& now) {
  const BanRecord& record = change.wish.record;
  if (change.by_room) {
    ++made_room_;
    if (now.mono >= next_room_notice_) {
      next_room_notice_ = now.mono + kRoomInterval;
      notice(EnforcerNotice{
          EnforcerNotice::Level::error, "enforce.full",
          fmt::format("as many bans stand as may: of first offenders those that end soonest make "
                      "room for new ones (so far: {})",
                      made_room_),
          "raise max_bans"});
    }
  }
  const bool by_hand = change.why == "manual";
  if (by_hand && !tells_by_hand(now)) return;
  if (log_.suppresses(events::kUnban, now.mono)) return;
  log_.write(events::kUnban,
             {{"prefix", record.prefix.to_string()},
              {"reason", std::string(change.why)},
              {"origin", by_hand ? "operator" : "daemon"}},
             now.mono);
}

void Announcer::past_bans(const std::vector<Verdict>& verdicts, const RuleSet& rules, const Now& now) {
  for (const auto& verdict : verdicts) {
    if (log_.suppresses(events::kPastBan, now.mono)) continue;
    log_.write(events::kPastBan,
               {{"address", verdict.address.to_string()},
                {"prefix", verdict.prefix.to_string()},
                {"time", to_string(verdict.deed)},
                {"for", to_string(verdict.duration)},
                {"rule", std::string(rules.name(verdict.rule))},
                {"text", "nobody read the log then, and the ban is over; it counts as an earlier one"}},
               now.mono);
  }
}

void Announcer::reports(const std::vector<Notice>& reports, const RuleSet& rules, const Now& now) {
  for (const auto& report : reports) {
    const LogEvent& event = event_of(report.kind);
    if (log_.suppresses(event, now.mono)) continue;
    log_.write(event,
               {{"address", report.who()},
                {"rule", std::string(rules.name(report.rule))},
                {"text", text_of(report, rules)},
                {"remedy", remedy_of(report, rules)}},
               now.mono);
  }
}

void Announcer::quenches(const std::vector<Quench>& quenches, const Now& now) {
  for (const auto& quench : quenches) {
    answer_bytes_ = static_cast<double>(quench.answer_bytes) / std::max(quench.requests, 1U);
    if (log_.suppresses(events::kQuench, now.mono)) continue;
    const auto asked = std::max<std::uint64_t>(quench.request_bytes, 1);
    log_.write(
        events::kQuench,
        {{"prefix", quench.prefix.to_string()},
         {"for", to_string(quench.duration)},
         {"requests", std::to_string(quench.requests)},
         {"amplification",
          fmt::format("{:.1f}", static_cast<double>(quench.answer_bytes) / static_cast<double>(asked))},
         {"text", "asks for more answers than a client; its address may be forged and its owner the victim"}},
        now.mono);
  }
}

void Announcer::gate_totals(const Pipeline& pipeline, const GateCounters& gate, const GateRuleCounters& rule,
                            bool last, const Now& now) {
  const auto& seen = pipeline.packets();
  const std::uint64_t dropped = gate.dropped + rule.traffic.dropped;
  // Some may only wait for us as yet.
  const std::uint64_t uninspected = rule.traffic.queued - std::min(rule.traffic.queued, gate.packets);
  if ((gate.overflows > 0 || uninspected > Gate::kQueueLength) && !std::exchange(told_gate_behind_, true))
    log_.write(
        events::kGateBehind,
        {{"text",
          "more packets came than could be looked at: the others passed, and gate.totals counts them "
          "as uninspected"},
         {"remedy", gate.overflows > 0
                        ? "nothing where it is rare; else give the service more of the processor, or raise "
                          "net.core.rmem_max where it runs in a container"
                        : "nothing where it is rare; else give the service more of the processor"}},
        now.mono);
  const bool nothing_new = dropped == told_dropped_ && !(last && uninspected != told_uninspected_);
  if (nothing_new || (!last && now.mono - told_totals_ < kTotalsInterval)) return;
  told_dropped_ = dropped;
  told_uninspected_ = uninspected;
  told_totals_ = now.mono;
  log_.write(
      events::kGateTotals,
      {{"packets", std::to_string(gate.packets)},
       {"garbage", std::to_string(seen.garbage)},
       {"malformed", std::to_string(seen.malformed)},
       {"forging", std::to_string(gate.forging)},
       {"cut_short", std::to_string(gate.cut_short)},
       {"quenched", std::to_string(seen.quenched + rule.traffic.dropped)},
       {"quenched_bytes", std::to_string(rule.traffic.dropped_bytes)},
       {"saved_bytes", fmt::format("{:.0f}", answer_bytes_ * static_cast<double>(rule.traffic.dropped))},
       {"sources", std::to_string(rule.quenched)},
       {"uninspected", std::to_string(uninspected)},
       {"overflows", std::to_string(gate.overflows)},
       {"evicted", std::to_string(pipeline.meter().counters().evicted)},
       {"foreign", most_frequent(seen.foreign)}},
      now.mono);
}

void Announcer::witness(const WitnessState& state, const Now& now) {
  // Not a witness that went: one that is back at once, again and again under a flood.
  if (state.dropped) {
    if (!std::exchange(warned_of_behind_, true))
      log_.write(events::kWitnessBehind,
                 {{"text", state.why + ": until it has caught up no line is refuted"},
                  {"remedy", "nothing where it is rare; else give the service more of the processor"}},
                 now.mono);
    return;
  }
  if (state.available && !witness_.available)
    log_.write(events::kWitness,
               {{"text", "the kernel tells of each connection to coturn: forged log lines count nothing"}},
               now.mono);
  if (state.undecided && state.why != witness_.why)
    log_.write(
        events::kWitnessUndecided,
        {{"text", "the kernel's word about connections is not used: " + state.why},
         {"remedy",
          "keep other users off coturn's ports, or let coturn be known: by its unit (journal_units), or "
          "by a log file that it owns; where coturn runs as another user now, restart coturn-guard"}},
        now.mono);
  if (state.available) missed_since_.reset();
  witness_ = state;
}

void Announcer::notice(const EnforcerNotice& notice) {
  log_.write({notice.event, priority_of(notice.level)}, {{"text", notice.text}, {"remedy", notice.remedy}},
             std::chrono::steady_clock::now());
}

void Announcer::notice(const SourceNotice& notice) {
  log_.write({notice.event, priority_of(notice.level)},
             {{"path", notice.path}, {"text", notice.text}, {"remedy", notice.remedy}},
             std::chrono::steady_clock::now());
}

void Announcer::stopped(const Pipeline& pipeline, std::size_t bans, std::uint64_t overflows, const Now& now) {
  const auto& seen = pipeline.recogniser().counters();
  const auto& heard = pipeline.testimony().counters();
  const auto& charged = pipeline.attribution().counters();
  log_.write(events::kStopped,
             {{"bans", std::to_string(bans)},
              {"lines", std::to_string(seen.lines)},
              {"read_again", std::to_string(seen.read_again)},
              {"recognised", std::to_string(seen.recognised)},
              {"hostile_texts", std::to_string(seen.taints)},
              {"tainted", std::to_string(seen.tainted)},
              {"given_back", std::to_string(heard.given_back)},
              {"proven", std::to_string(heard.proven)},
              {"refuted", std::to_string(heard.refuted)},
              {"unattributed", std::to_string(charged.unattributed)},
              {"sessions_evicted", std::to_string(charged.evicted)},
              {"witness_overflows", std::to_string(overflows)}},
             now.mono);
}

void Announcer::look(const Pipeline& pipeline, const Now& now) {
  const auto& seen = pipeline.recogniser().counters();
  warn_of_forgery(pipeline, now);
  warn_of_foreign_log(seen, now);
  tell_missing_witness(seen, now);
  tell_gateway(pipeline, now);
}

void Announcer::warn_of_forgery(const Pipeline& pipeline, const Now& now) {
  if (pipeline.recogniser().counters().taints > 0 && !warned_of_taint_) {
    warned_of_taint_ = true;
    log_.write(
        events::kTainted,
        {{"text", "coturn wrote text of an attacker's into its log; lines right after it ban nobody"},
         {"remedy", "coturn 4.17 or newer, or coturn's option 'syslog', keeps such text inside its line"}},
        now.mono);
  }
  if (pipeline.testimony().counters().refuted > 0 && !warned_of_refuted_) {
    warned_of_refuted_ = true;
    log_.write(
        events::kRefuted,
        {{"text", "the log tells of connections that the kernel never saw; such lines ban nobody"},
         {"remedy",
          "somebody forges lines of coturn's, or names others in a PROXY header (let only the balancer reach "
          "tcp-proxy-port), or the log is another machine's"}},
        now.mono);
  }
}

void Announcer::warn_of_foreign_log(const DetectCounters& seen, const Now& now) {
  if (seen.lines - judged_lines_ < kLinesBeforeDoubt) return;
  if (seen.recognised == judged_recognised_ && !warned_of_unrecognised_) {
    warned_of_unrecognised_ = true;
    log_.write(
        events::kUnrecognised,
        {{"text",
          fmt::format("none of the last {} lines was recognised as coturn's", seen.lines - judged_lines_)},
         {"remedy", "set log_file to coturn's log, and log_timestamp_format if turnserver.conf has its own"}},
        now.mono);
  }
  judged_lines_ = seen.lines;
  judged_recognised_ = seen.recognised;
}

void Announcer::tell_missing_witness(const DetectCounters& seen, const Now& now) {
  if (witness_.available || told_missing_witness_ || seen.recognised == 0 || witness_.why.empty()) return;
  if (!missed_since_) missed_since_ = now.mono;
  if (now.mono - *missed_since_ < kPatienceForWitness) return;
  told_missing_witness_ = true;
  log_.write(
      events::kNoWitness,
      {{"text", "no witness: lines are judged by the log alone, and what coturn does not log is not seen"},
       {"reason", witness_.why}},
      now.mono);
}

void Announcer::tell_gateway(const Pipeline& pipeline, const Now& now) {
  const auto gateway = pipeline.credit().gateway(now);
  if (!gateway || gateway == told_gateway_) return;
  told_gateway_ = gateway;
  const std::uint32_t users = pipeline.credit().standing(*gateway, now).users;
  log_.write(events::kGateway,
             {{"prefix", gateway->to_string()},
              {"users", std::to_string(users)},
              {"text",
               "at least 80 % of the last hour's logins come from this address: a proxy or a gateway. What "
               "it does is "
               "measured by the number of its users, and a ban of it is a ban of them all"},
              {"remedy",
               "let coturn see the clients' own addresses (tcp-proxy-port, no source NAT), or list it in "
               "ignoreip"}},
             now.mono);
}

}  // namespace coturn_guard
