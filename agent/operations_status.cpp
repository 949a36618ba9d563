// SPDX-License-Identifier: GPL-3.0-or-later
// What the daemon knows of itself (`status`), of an address (`check`) and of what is behind it (`why`).
#include "json_line.hpp"
#include "operations.hpp"
#include "replay_report.hpp"
#include "source/clocks.hpp"
#include "util/duration.hpp"
#include "version.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

std::string line_of(const Json& object) {
  return object.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

Json headed(const char* event) {
  return {{"schema", control::kSchema}, {"event", event}};
}

void put_time(Json& object, const char* key, std::chrono::system_clock::time_point time) {
  object[key] = control::rfc3339(time);
  object[std::string(key) + "_epoch"] = std::chrono::floor<seconds>(time).time_since_epoch().count();
}

Json source_of(const Rooms& rooms) {
  const SourceCounters& read = rooms.source->counters();
  return {{"kind", rooms.source_choice.kind},
          {"names", rooms.source_choice.names},
          {"text", rooms.source_choice.sentence},
          {"healthy", rooms.source->healthy()},
          {"lag_bytes", rooms.source->lag_bytes()},
          {"overlong", read.overlong},
          {"rotations", read.rotations},
          {"read_errors", read.read_errors}};
}

Json lines_of(const Rooms& rooms, std::uint64_t per_second) {
  const DetectCounters& seen = rooms.pipeline.recogniser().counters();
  return {{"total", seen.lines},
          {"read_again", seen.read_again},
          {"per_second", per_second},
          {"recognised", seen.recognised},
          {"tainted", seen.tainted},
          {"refuted", rooms.pipeline.testimony().counters().refuted},
          {"blinded", rooms.pipeline.blinded()},
          {"cut_reaches", seen.reaches_cut}};
}

Json offences_of(const PipelineCounters& counted) {
  Json rules = Json::object();
  for (const auto& [key, count] : counted.offences)
    rules[key.first][std::string(to_string(key.second))] = count;
  return {{"by_rule", rules},
          {"spared", counted.spared},
          {"credited", counted.credited},
          {"taken_back", counted.taken_back},
          {"at_gateway", counted.gateway},
          {"of_health_checks", counted.health_checks},
          {"of_private_sources", counted.private_sources}};
}

Json enforcer_of(const Rooms& rooms) {
  const EnforcerCounters& done = rooms.enforcer->counters();
  return {{"name", rooms.enforcer_choice.name},
          {"why", rooms.enforcer_choice.why},
          {"in_place", rooms.enforcer->healthy()},
          {"repairs", done.repairs},
          {"failed", done.failed},
          {"refused", done.refused}};
}

Json witness_of(const Rooms& rooms) {
  if (!rooms.witness) return {{"available", false}, {"why", "switched off, or the kernel refuses it"}};
  const WitnessState& state = rooms.witness->state();
  return {
      {"available", state.available}, {"why", state.why}, {"overflows", rooms.witness->counters().overflows}};
}

Json gate_of(const GatePost& gate) {
  const GateCounters* const packets = gate.packets();
  if (packets == nullptr) return {{"open", false}};
  return {{"open", true},
          {"packets", packets->packets},
          {"dropped", packets->dropped + (gate.rule() == nullptr ? 0 : gate.rule()->traffic.dropped)}};
}

// "203.0.113.50 tls-plain, every 2.0 s".
Json checks_of(const Pipeline& pipeline) {
  Json found = Json::array();
  for (const HealthCheck& check : pipeline.health_checks().named()) {
    const std::string every =
        check.interval.count() > 0
            ? fmt::format(", every {:.1f} s", static_cast<double>(check.interval.count()) / 1000)
            : "";
    found.push_back(
        fmt::format("{} {}{}", check.address.to_string(), pipeline.rules().name(check.rule), every));
  }
  return found;
}

Json private_sources_of(const Pipeline& pipeline, const Now& now) {
  Json found = Json::array();
  for (const PrivateSources::Alarm& alarm : pipeline.private_sources().alarms(now))
    found.push_back(fmt::format("{} {}", alarm.network.to_string(), pipeline.rules().name(alarm.rule)));
  return found;
}

Json breaker_of(const Breaker& breaker, const Now& now) {
  if (!breaker.open()) return {};
  const auto left = breaker.closes_in(now);
  return fmt::format("open, {}: {}; closes {}", withheld_for(breaker.state().cause),
                     why_open(breaker.state()),
                     left ? "in " + to_string(*left) : "by coturn-guard breaker close");
}

}  // namespace

std::string Operations::status(std::uint32_t latest, const Now& now) {
  const Pipeline& pipeline = rooms_.pipeline;
  Json object = headed("status");
  object["version"] = kVersion;
  put_time(object, "time", now.wall);
  put_time(object, "since", since_);
  object["uptime_seconds"] = std::chrono::floor<seconds>(now.mono - begun_).count();
  object["mode"] = rooms_.simulated() ? "observe" : "enforce";
  object["enforcer"] = enforcer_of(rooms_);
  object["source"] = source_of(rooms_);
  object["lines"] = lines_of(rooms_, lines_per_second_);
  object["offences"] = offences_of(pipeline.counters());
  object["bans"] = {{"now", rooms_.enforcer->live_bans()},
                    {"last_24_hours", bans_of_a_day(now)},
                    {"since_start", bans_total_}};
  object["dropped_packets"] = dropped_packets_;
  object["witness"] = witness_of(rooms_);
  object["gate"] = gate_of(rooms_.gate);
  const auto gateway = pipeline.credit().gateway(now);
  object["gateway"] = gateway ? Json(gateway->to_string()) : Json();
  object["health_checks"] = checks_of(pipeline);
  object["private_sources"] = private_sources_of(pipeline, now);
  object["breaker"] = breaker_of(pipeline.breaker(), now);
  object["smoke"] = rooms_.smoke.burning() ? Json(rooms_.smoke.text(now)) : Json();
  object["memory"] = {{"ban_records", bans().size()},
                      {"ban_records_evicted", bans().evicted()},
                      {"offenders_remembered", offences_.size()},
                      {"offenders_evicted", offences_.evicted()},
                      {"offences_left_out", offences_left_out_},
                      {"ledger", pipeline.ledger().size()},
                      {"ledger_evicted", pipeline.ledger().counters().evicted}};
  object["listeners"] = {{"now", feed_.listeners()}, {"left_out", feed_.left_out()}};
  std::string text = line_of(object);
  for (const BanRecord& record : latest > 0 ? bans().latest(latest) : std::vector<BanRecord>())
    append_ban(text, record, rooms_.enforcer->bans().expiry(record.prefix).value_or(now.mono), now);
  return text;
}

std::string Operations::check(const std::vector<Prefix>& prefixes, const Now& now) {
  const BanTable& bans = rooms_.enforcer->bans();
  std::string text;
  for (const Prefix& prefix : prefixes) {
    Json object = headed("check");
    object["prefix"] = prefix.to_string();
    const auto covering = covering_ban(bans, prefix);
    object["banned"] = covering.has_value();
    if (covering) {
      object["by"] = covering->to_string();
      const auto until = bans.expiry(*covering);
      if (until && *until != BanTable::kForever)
        object["left_seconds"] =
            std::max<seconds::rep>(std::chrono::ceil<seconds>(*until - now.mono).count(), 0);
      else
        object["left_seconds"] = Json();
    }
    text += line_of(object);
  }
  return text;
}

// The ban that holds now, what it rests on, and what the address has to its credit.
std::string Operations::why(const Prefix& prefix, const Now& now) {
  const Pipeline& pipeline = rooms_.pipeline;
  const BanTable& bans = rooms_.enforcer->bans();
  std::string text;
  const Prefix host = pipeline.judged_as(prefix);
  const Prefix unit = pipeline.ledger().prefix_of(host.network());
  const auto covering = covering_ban(bans, prefix);
  if (covering)
    append_ban(text, this->bans().find(*covering).value_or(unknown_ban(*covering)), *bans.expiry(*covering),
               now);
  std::vector<Prefix> judged{unit};
  if (prefix != unit && prefix.length() > unit.length()) judged.push_back(prefix);  // as one judged alone
  std::uint64_t known = covering ? 1 : 0;
  for (const Prefix& network : judged) {
    known += offences_.noted(network);
    for (const RecentOffence& offence : offences_.of(network)) {
      Json object = headed("offence");
      put_time(object, "time", offence.when);
      object["address"] = offence.address.to_string();
      object["rule"] = offence.rule;
      object["evidence"] = to_string(offence.evidence);
      object["effect"] = to_string(offence.effect);
      object["count"] = offence.count;
      object["weight"] = offence.weight.milli / 1000.0;
      object["in_window"] = offence.in_window.milli / 1000.0;
      text += line_of(object);
    }
  }
  const Standing standing = pipeline.credit().standing(unit, now);
  const std::uint32_t earlier = pipeline.ledger().earlier_bans(unit);
  const auto spared = rooms_.pipeline.allowlist().spares(prefix);
  if (standing.by_login || standing.by_bytes || earlier > 0 || spared) ++known;
  Json object = headed("standing");
  object["prefix"] = unit.to_string();
  object["known"] = known > 0;
  object["banned"] = covering.has_value();
  object["offences"] = offences_.noted(unit);
  object["in_window"] = pipeline.ledger().points(unit, now).milli / 1000.0;
  object["maxretry"] = rooms_.config.policy.maxretry.milli / 1000.0;
  object["earlier_bans"] = earlier;
  object["credit"] = json_of(standing);
  object["never_judged"] = spared ? Json(*spared) : Json();
  return text + line_of(object);
}

}  // namespace coturn_guard
