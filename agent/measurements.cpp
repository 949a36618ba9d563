// SPDX-License-Identifier: GPL-3.0-or-later
#include "measurements.hpp"

#include <algorithm>
#include <utility>

#include "control/process_usage.hpp"
#include "counter_tables.hpp"
#include "gate_counter_tables.hpp"
#include "version.hpp"

namespace coturn_guard {
namespace {

using Families = std::vector<MetricFamily>;
using Kind = MetricKind;

constexpr std::array kEvidence{Evidence::proven, Evidence::claimed, Evidence::spoofable, Evidence::tainted};

// Like CounterName's texts, all literals: a family only refers to them.
MetricFamily& add(Families& out, Kind kind, std::string_view name, std::string_view help,
                  std::string_view unit = {}) {
  MetricFamily family;
  family.name = name;
  family.kind = kind;
  family.unit = unit;
  family.help = help;
  return out.emplace_back(std::move(family));
}

template <class Number>
void add_value(Families& out, Kind kind, std::string_view name, std::string_view help, Number value,
               std::string_view unit = {}) {
  add(out, kind, name, help, unit).samples.push_back({{}, static_cast<double>(value)});
}

void add_info(Families& out, std::string_view name, std::string_view help, std::vector<MetricLabel> labels) {
  add(out, Kind::info, name, help).samples.push_back({std::move(labels), 1});
}

void add_distribution(Families& out, std::string_view name, std::string_view help,
                      const Distribution& distribution) {
  add(out, Kind::histogram, name, help, "seconds").distribution = &distribution;
}

// Nobody there counted nothing.
template <class Counters, std::size_t kRows>
void add_all(Families& out, const std::array<CounterName<Counters>, kRows>& names, const Counters* counters) {
  const Counters none{};
  for (const auto& row : names)
    add_value(out, Kind::counter, row.name, row.help, (counters != nullptr ? *counters : none).*row.counter,
              row.unit);
}

double seconds_since(std::chrono::steady_clock::time_point then, std::chrono::steady_clock::time_point now) {
  return std::max(std::chrono::duration<double>(now - then).count(), 0.0);
}

double unix_time(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

void add_agent(Families& out, const Measured& from) {
  add_info(out, "coturn_guard_build", "The agent's version.", {{"version", kVersion}});
  add_info(out, "coturn_guard_mode", "What it does with verdicts, and by what.",
           {{"mode", from.simulated ? "observe" : "enforce"},
            {"enforcer", std::string(from.enforcer_name)},
            {"source", std::string(from.source_kind)}});
  auto& reloads =
      add(out, Kind::counter, "coturn_guard_reloads",
          "Times that the configuration was read again: applied, or rejected because of a mistake in it.");
  reloads.samples = {{{{"result", "applied"}}, static_cast<double>(from.reloads.applied)},
                     {{{"result", "rejected"}}, static_cast<double>(from.reloads.rejected)}};
  auto& written =
      add(out, Kind::counter, "coturn_guard_log_events", "Lines of the agent's own log, by event.");
  for (const auto& [event, count] : from.log.counts())
    written.samples.push_back({{{"event", event}}, static_cast<double>(count.written)});
  auto& suppressed = add(out, Kind::counter, "coturn_guard_log_suppressed_events",
                         "Lines of the agent's own log that were left out by its limit, by event.");
  for (const auto& [event, count] : from.log.counts())
    suppressed.samples.push_back({{{"event", event}}, static_cast<double>(count.suppressed)});
}

void add_process(Families& out, const Measured& from) {
  const auto usage = look_at_process();
  add_value(out, Kind::counter, "process_cpu_seconds", "User and system time used.", usage.cpu_seconds,
            "seconds");
  add_value(out, Kind::gauge, "process_resident_memory_bytes", "Memory held.", usage.resident_bytes, "bytes");
  add_value(out, Kind::gauge, "process_virtual_memory_bytes", "Address space.", usage.virtual_bytes, "bytes");
  add_value(out, Kind::gauge, "process_open_fds", "Descriptors open.", usage.open_descriptors);
  add_value(out, Kind::gauge, "process_max_fds", "Descriptors that may be open.", usage.most_descriptors);
  add_value(out, Kind::gauge, "process_start_time_seconds", "When it started, in seconds since 1970.",
            unix_time(from.started), "seconds");
}

void add_source(Families& out, const Measured& from, std::chrono::steady_clock::time_point now) {
  add_all(out, kSourceNames, &from.source.counters());
  add_value(out, Kind::gauge, "coturn_guard_source_ignored_files",
            "Files that a glob matches and that are not among its newest.",
            from.source.counters().files_ignored);
  add_value(out, Kind::gauge, "coturn_guard_source_healthy",
            "1: no check of the source failed since the last second.", from.source.healthy() ? 1 : 0);
  const auto lag = from.source.lag_bytes();
  // What is not read was written since the source was last seen read to its end.
  const auto since = std::max(from.read_up, from.source.end_reached().value_or(from.read_up));
  add_value(out, Kind::gauge, "coturn_guard_source_lag_bytes", "Bytes of the log that are not read yet.", lag,
            "bytes");
  add_value(out, Kind::gauge, "coturn_guard_source_lag_seconds",
            "How old the oldest line that is not read yet may be; 0 where all is read.",
            lag == 0 ? 0.0 : seconds_since(since, now), "seconds");
}

void add_witness(Families& out, const Measured& from) {
  const auto* const witness = from.witness;
  add_all(out, kTestimonyNames, &from.pipeline.testimony().counters());
  add_all(out, kWitnessNames, witness != nullptr ? &witness->counters() : nullptr);
  add_value(out, Kind::gauge, "coturn_guard_witness_available",
            "1: the kernel tells of each connection to coturn.",
            witness != nullptr && witness->state().available ? 1 : 0);
  add_all(out, kUdpLoginNames, from.udp_logins != nullptr ? &from.udp_logins->counters() : nullptr);
  add_value(out, Kind::gauge, "coturn_guard_customer_answers_seen",
            "1: the kernel tells of coturn's answers to customers over UDP.",
            from.udp_logins != nullptr ? 1 : 0);
}

// Zeros too, so that the first offence of a kind is an increase.
void add_offences(Families& out, const Measured& from, const PipelineCounters& counted) {
  auto offences = counted.offences;
  for (const auto& rule : from.pipeline.rules().rules())
    for (const auto evidence : kEvidence) offences.try_emplace({rule.name, evidence}, 0);
  auto& family = add(out, Kind::counter, "coturn_guard_offences",
                     "Offences by rule and evidence, before it was looked at who is spared.");
  for (const auto& [of, count] : offences)
    family.samples.push_back(
        {{{"rule", of.first}, {"evidence", std::string(to_string(of.second))}}, static_cast<double>(count)});
}

void add_judgement(Families& out, const Measured& from) {
  const auto counted = from.pipeline.counters();
  add_offences(out, from, counted);
  add_value(out, Kind::counter, "coturn_guard_spared_offences",
            "Offences of addresses that are never judged.", counted.spared);
  add_value(out, Kind::counter, "coturn_guard_switched_off_events",
            "Events of rules that the operator gave 0 points.", counted.switched_off);
  add_value(out, Kind::counter, "coturn_guard_credited_offences", "Offences that a good name made nothing.",
            counted.credited);
  add_value(out, Kind::counter, "coturn_guard_taken_back_offences",
            "Offences that a line beside them said to be none.", counted.taken_back);
  add_value(out, Kind::counter, "coturn_guard_gateway_offences",
            "Offences of an address that most customers come from, measured per user.", counted.gateway);
  add_value(out, Kind::counter, "coturn_guard_withheld_offences",
            "Offences that the open circuit breaker did not count, or kept from being bans.",
            counted.withheld);
  add_value(out, Kind::counter, "coturn_guard_health_check_offences",
            "Offences that would have been bans, of health checks that are told by their regularity.",
            counted.health_checks);
  add_value(out, Kind::gauge, "coturn_guard_health_checks", "Health checks that are named, 256 at most.",
            from.pipeline.health_checks().named().size());
  add_value(out, Kind::counter, "coturn_guard_health_checks_evicted",
            "Sources whose regularity was forgotten for want of room.",
            from.pipeline.health_checks().counters().evicted);
  add_value(out, Kind::counter, "coturn_guard_health_checks_refused",
            "Probes of sources that found all 256 places taken.",
            from.pipeline.health_checks().counters().refused);
  add_value(out, Kind::counter, "coturn_guard_private_source_offences",
            "Weak offences of private addresses, which are alarmed about and never banned for.",
            counted.private_sources);
  add_value(out, Kind::gauge, "coturn_guard_wide_networks",
            "IPv6 networks of 56 and 48 bits in which somebody guessed.",
            from.pipeline.wide_networks().size());
  add_value(out, Kind::counter, "coturn_guard_wide_networks_evicted",
            "Those of them that were forgotten early.", from.pipeline.wide_networks().evicted());
  add_value(
      out, Kind::counter, "coturn_guard_blinded_lines",
      "Accusing lines that were not believed, because an attacker's text in coturn's log reaches there.",
      counted.blinded);
  add_value(out, Kind::gauge, "coturn_guard_smoke",
            "Whether so many of them were lost of late that it is an alarm (1) or not (0).",
            from.smoke ? 1 : 0);
  add_value(out, Kind::counter, "coturn_guard_smoke_alarms", "Times that this alarm began.",
            from.smoke_alarms);
  const auto& breaker = from.pipeline.breaker().state();
  add_value(out, Kind::gauge, "coturn_guard_breaker_open",
            "1: the circuit breaker is open, because customers were due for bans in numbers.",
            breaker.open ? 1 : 0);
  add_value(out, Kind::counter, "coturn_guard_breaker_openings", "Times that the circuit breaker opened.",
            breaker.openings);
  add_all(out, kLedgerNames, &from.pipeline.ledger().counters());
  auto& verdicts = add(out, Kind::counter, "coturn_guard_verdicts",
                       "Verdicts by the rule of the offence that filled the measure, and its evidence.");
  for (const auto& [rule, by_evidence] : from.verdicts.verdicts())
    for (const auto evidence : kEvidence)
      if (const auto count = by_evidence[static_cast<std::size_t>(evidence)]; count > 0)
        verdicts.samples.push_back(
            {{{"rule", rule}, {"evidence", std::string(to_string(evidence))}}, static_cast<double>(count)});
  auto& reports = add(out, Kind::counter, "coturn_guard_reports", "What was told and bans nobody, by rule.");
  for (const auto& [rule, count] : from.verdicts.reports())
    reports.samples.push_back({{{"rule", rule}}, static_cast<double>(count)});
  add_distribution(out, "coturn_guard_ban_duration_seconds", "How long the bans of verdicts are.",
                   from.verdicts.durations());
}

void add_enforcement(Families& out, const Measured& from) {
  add_all(out, kEnforcerNames, &from.enforcer.counters());
  add_value(out, Kind::gauge, "coturn_guard_bans", "Bans that stand now.", from.enforcer.live_bans());
  add_value(out, Kind::gauge, "coturn_guard_bans_limit",
            "Bans that may stand at once, of each address family.", from.config.max_bans);
  add_value(out, Kind::gauge, "coturn_guard_enforcer_healthy",
            "1: sets and drop rule were proved to stand, or nobody is to be dropped.",
            from.enforcer.healthy() ? 1 : 0);
  add_distribution(out, "coturn_guard_line_to_kernel_seconds",
                   "From the arrival of the line that decided a ban until the kernel confirmed it.",
                   from.verdicts.line_to_kernel());
  add_value(out, Kind::counter, "coturn_guard_untimed_verdicts",
            "Verdicts not timed, because too many waited for the kernel.", from.verdicts.untimed());
  add_value(out, Kind::gauge, "coturn_guard_waiting_verdicts",
            "Verdicts that the kernel has not answered yet.", from.verdicts.waiting());
  add_all(out, kBansNames, from.bans != nullptr ? &from.bans->counters() : nullptr);
  add_value(out, Kind::gauge, "coturn_guard_refused_bans_waiting",
            "Bans that the kernel refused, to be tried again.",
            from.bans != nullptr ? from.bans->refused() : 0);
  add_all(out, kEvictionNames, from.eviction != nullptr ? &from.eviction->counters() : nullptr);
}

void add_gate(Families& out, const Measured& from) {
  const auto& packets = from.pipeline.packets();
  add_value(out, Kind::gauge, "coturn_guard_gate_open", "1: packets are looked at before coturn has them.",
            from.gate.packets() != nullptr ? 1 : 0);
  add_all(out, kGateNames, from.gate.packets());
  add_all(out, kGateRuleNames, from.gate.rule());
  add_all(out, kGateTrafficNames, from.gate.rule() != nullptr ? &from.gate.rule()->traffic : nullptr);
  add_all(out, kMeterNames, &from.pipeline.meter().counters());
  auto& kinds =
      add(out, Kind::counter, "coturn_guard_inspected_packets", "Packets that were read, by what they are.");
  for (std::size_t kind = 0; kind < kPacketKinds; ++kind)
    kinds.samples.push_back({{{"kind", std::string(to_string(static_cast<PacketKind>(kind)))}},
                             static_cast<double>(packets.kinds[kind])});
  auto& foreign =
      add(out, Kind::counter, "coturn_guard_foreign_packets", "Packets of a foreign protocol, by its name.");
  for (const auto& [protocol, count] : packets.foreign)
    foreign.samples.push_back({{{"protocol", std::string(protocol)}}, static_cast<double>(count)});
  add_value(out, Kind::counter, "coturn_guard_seen_packets", "Packets that the gate judged.", packets.seen);
  add_value(out, Kind::counter, "coturn_guard_unread_packets",
            "Fragments, and what is neither UDP nor TCP: passed.", packets.unread);
  add_value(out, Kind::counter, "coturn_guard_malformed_packets",
            "Packets dropped because their headers contradict themselves.", packets.malformed);
  add_value(out, Kind::counter, "coturn_guard_garbage_packets",
            "Packets dropped as UDP of a foreign protocol.", packets.garbage);
  add_value(out, Kind::counter, "coturn_guard_overasking_packets",
            "Packets dropped by the gate because their source asked too much.", packets.quenched);
  add_value(out, Kind::counter, "coturn_guard_probation_packets",
            "Packets of addresses whose ban had just ended.", packets.probation);
}

// What grows, and what it may grow to.
void add_tables(Families& out, const Measured& from) {
  const auto& pipeline = from.pipeline;
  struct Table {
    const char* name;
    std::size_t entries, limit;
    std::uint64_t evicted;
  };
  const BanBook* const records = from.bans != nullptr ? &from.bans->book() : nullptr;
  const std::array tables{
      Table{"ban_records", records != nullptr ? records->size() : 0, BanBook::kMaxBans,
            records != nullptr ? records->evicted() : 0},
      Table{"sessions", pipeline.attribution().sessions(), Attribution::kMaxSessions,
            pipeline.attribution().counters().evicted},
      Table{"waiting_lines", pipeline.testimony().waiting(), Testimony::kMaxWaiting,
            pipeline.testimony().counters().overflowed},
      Table{"networks", pipeline.ledger().size(), from.config.policy.max_addresses,
            pipeline.ledger().counters().evicted},
      Table{"credit", pipeline.credit().size(), CreditBook::kMaxNetworks, pipeline.credit().evicted()},
      Table{"tally", pipeline.tally().size(), Tally::kMaxEntries, pipeline.tally().evicted()},
      Table{"packet_sources", pipeline.meter().size(), RequestMeter::kMaxSources,
            pipeline.meter().counters().evicted},
  };
  const auto each = [&](Kind kind, std::string_view name, std::string_view help, auto value) {
    auto& family = add(out, kind, name, help);
    for (const auto& table : tables)
      family.samples.push_back({{{"table", table.name}}, static_cast<double>(value(table))});
  };
  each(Kind::gauge, "coturn_guard_table_entries", "What a table holds.",
       [](const auto& t) { return t.entries; });
  each(Kind::gauge, "coturn_guard_table_entries_limit", "What it may hold at most.",
       [](const auto& t) { return t.limit; });
  each(Kind::counter, "coturn_guard_table_evictions", "Entries that had to make room before their time.",
       [](const auto& t) { return t.evicted; });
  auto& memory =
      add(out, Kind::gauge, "coturn_guard_table_memory_bytes", "Memory held by a table, about.", "bytes");
  for (const auto& [name, bytes] : {std::pair{"sessions", pipeline.attribution().bytes()},
                                    {"waiting_lines", pipeline.testimony().bytes()},
                                    {"networks", pipeline.ledger().bytes()},
                                    {"packet_sources", pipeline.meter().bytes()}})
    memory.samples.push_back({{{"table", name}}, static_cast<double>(bytes)});
  add_value(out, Kind::gauge, "coturn_guard_waiting_events", "Events that wait for their session's client.",
            pipeline.attribution().waiting());
}

}  // namespace

std::vector<MetricFamily> measure(const Measured& measured, std::chrono::steady_clock::time_point now) {
  Families out;
  out.reserve(160);
  add_agent(out, measured);
  add_process(out, measured);
  add_source(out, measured, now);
  add_all(out, kDetectNames, &measured.pipeline.recogniser().counters());
  add_all(out, kAttributionNames, &measured.pipeline.attribution().counters());
  add_witness(out, measured);
  add_judgement(out, measured);
  add_enforcement(out, measured);
  add_gate(out, measured);
  add_tables(out, measured);
  add_all(out, kControlNames, measured.control);
  add_all(out, kHookNames, &measured.hooks);
  add_value(out, Kind::gauge, "coturn_guard_state_file_bytes",
            "The state file and its write-ahead log; 0 where nothing is saved.", measured.state_bytes,
            "bytes");
  add_all(out, kServerNames, &measured.post.server().counters());
  add_value(out, Kind::gauge, "coturn_guard_metrics_clients", "Connections of who asks for metrics now.",
            measured.post.server().clients());
  add_all(out, kFileNames, &measured.post.file().counters());
  return out;
}

}  // namespace coturn_guard
