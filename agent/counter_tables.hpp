// SPDX-License-Identifier: GPL-3.0-or-later
// Under which name each counter of the agent is published. Names are stable: operators' rules and dashboards
// stand on them, and coturn-guard-metrics(7) lists them. The gate's stand in
// gate_counter_tables.hpp.
#pragma once

#include <array>

#include "bans/bans.hpp"
#include "control/hook_queue.hpp"
#include "control/metrics_file.hpp"
#include "control/metrics_server.hpp"
#include "control/socket.hpp"
#include "counter_name.hpp"
#include "detect/attribution.hpp"
#include "detect/recogniser.hpp"
#include "detect/testimony.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/udp_logins.hpp"
#include "eviction.hpp"
#include "judge/ledger.hpp"
#include "source/source.hpp"
#include "source/witness.hpp"

namespace coturn_guard {

inline constexpr std::array kSourceNames{
    CounterName<SourceCounters>{"coturn_guard_source_read_bytes", "Bytes of coturn's log that were read.",
                                &SourceCounters::bytes, "bytes"},
    CounterName<SourceCounters>{"coturn_guard_source_lines", "Lines handed over by the source.",
                                &SourceCounters::lines},
    CounterName<SourceCounters>{"coturn_guard_source_overlong_lines",
                                "Lines dropped because they were too long.", &SourceCounters::overlong},
    CounterName<SourceCounters>{"coturn_guard_source_nul_bytes", "Bytes skipped as holes of the file.",
                                &SourceCounters::nul_bytes, "bytes"},
    CounterName<SourceCounters>{"coturn_guard_source_rotations", "New files under the log's name.",
                                &SourceCounters::rotations},
    CounterName<SourceCounters>{"coturn_guard_source_truncations", "Times that the same file began anew.",
                                &SourceCounters::truncations},
    CounterName<SourceCounters>{"coturn_guard_source_read_errors", "Readings that failed.",
                                &SourceCounters::read_errors},
    CounterName<SourceCounters>{
        "coturn_guard_source_old_files_closed_early",
        "Renamed files closed although coturn might still write to them, because there were too many.",
        &SourceCounters::old_files_closed_early},
    CounterName<SourceCounters>{"coturn_guard_source_undecoded_lines",
                                "Lines of a Docker log that are not written as Docker writes them.",
                                &SourceCounters::undecoded},
    CounterName<SourceCounters>{"coturn_guard_source_suppressed_messages",
                                "Messages of coturn's that journald left out by its rate limit.",
                                &SourceCounters::suppressed},
};
// files_ignored goes up and down: it is a gauge.
static_assert(names_all(kSourceNames, 1));

inline constexpr std::array kControlNames{
    CounterName<control::SocketCounters>{"coturn_guard_control_clients", "Clients of the control socket.",
                                         &control::SocketCounters::accepted},
    CounterName<control::SocketCounters>{"coturn_guard_control_refused_clients",
                                         "Clients of the control socket who may not even look.",
                                         &control::SocketCounters::refused},
    CounterName<control::SocketCounters>{"coturn_guard_control_forbidden_requests",
                                         "Requests for a change by who may only look.",
                                         &control::SocketCounters::forbidden},
    CounterName<control::SocketCounters>{"coturn_guard_control_crowded_clients",
                                         "Clients of the control socket who found no room.",
                                         &control::SocketCounters::crowded},
};
static_assert(names_all(kControlNames));

inline constexpr std::array kHookNames{
    CounterName<HookCounters>{"coturn_guard_hook_calls", "Calls of hooks.", &HookCounters::called},
    CounterName<HookCounters>{"coturn_guard_hook_calls_left_out",
                              "Calls of hooks that were left out: over the rate, or with a full queue.",
                              &HookCounters::left_out},
};
static_assert(names_all(kHookNames));

inline constexpr std::array kDetectNames{
    CounterName<DetectCounters>{"coturn_guard_lines", "Lines looked at.", &DetectCounters::lines},
    CounterName<DetectCounters>{
        "coturn_guard_lines_read_again",
        "Lines that an earlier run counted, read for what they say of those behind them.",
        &DetectCounters::read_again},
    CounterName<DetectCounters>{"coturn_guard_recognised_lines", "Lines that have coturn's prefix.",
                                &DetectCounters::recognised},
    CounterName<DetectCounters>{"coturn_guard_unrecognised_lines",
                                "Lines that have not: continuations, other programs, garbage.",
                                &DetectCounters::unrecognised},
    CounterName<DetectCounters>{"coturn_guard_events", "Lines that matched a rule.", &DetectCounters::events},
    CounterName<DetectCounters>{"coturn_guard_tainted_events",
                                "Events that stand where an attacker's text can stand.",
                                &DetectCounters::tainted},
    CounterName<DetectCounters>{
        "coturn_guard_hostile_records",
        "Records with text that no honest client sends and that could reach over its line.",
        &DetectCounters::taints},
    CounterName<DetectCounters>{"coturn_guard_blinded_bytes",
                                "Bytes of lines that begin within the reach of such a text.",
                                &DetectCounters::blinded_bytes, "bytes"},
    CounterName<DetectCounters>{"coturn_guard_cut_reaches",
                                "Reaches of such texts that the end of the file cut short.",
                                &DetectCounters::reaches_cut},
    CounterName<DetectCounters>{"coturn_guard_foreign_lines",
                                "Lines in another format than the rest of their log.",
                                &DetectCounters::foreign},
    CounterName<DetectCounters>{"coturn_guard_log_gaps",
                                "Gaps of a log: bytes that were not shown to the guard.",
                                &DetectCounters::gaps},
    CounterName<DetectCounters>{"coturn_guard_repeated_events",
                                "Events without points, because their session was counted already.",
                                &DetectCounters::repeated},
    CounterName<DetectCounters>{"coturn_guard_unannounced_events", "Events that lacked the line before them.",
                                &DetectCounters::unannounced},
    CounterName<DetectCounters>{"coturn_guard_held_events", "Events that waited for the lines behind theirs.",
                                &DetectCounters::held},
    CounterName<DetectCounters>{"coturn_guard_forged_records",
                                "Of the texts that events waited for, those that proved to hold newlines.",
                                &DetectCounters::forged},
    CounterName<DetectCounters>{
        "coturn_guard_undecided_lines",
        "Lines for which the pattern matcher ran out of memory; the rules were asked one by one.",
        &DetectCounters::undecided},
    CounterName<DetectCounters>{"coturn_guard_dropped_streams",
                                "Logs whose state was forgotten to make room for another's.",
                                &DetectCounters::streams_dropped},
};
static_assert(names_all(kDetectNames));

inline constexpr std::array kTestimonyNames{
    CounterName<TestimonyCounters>{"coturn_guard_proven_lines", "Lines that the kernel confirmed.",
                                   &TestimonyCounters::proven},
    CounterName<TestimonyCounters>{"coturn_guard_given_back_lines",
                                   "Of the proven lines, those that were tainted before.",
                                   &TestimonyCounters::given_back},
    CounterName<TestimonyCounters>{"coturn_guard_refuted_lines",
                                   "Lines about connections that never were: forged, or another machine's.",
                                   &TestimonyCounters::refuted},
    CounterName<TestimonyCounters>{"coturn_guard_harmless_resets",
                                   "Resets of connections that had carried real traffic both ways.",
                                   &TestimonyCounters::harmless},
    CounterName<TestimonyCounters>{"coturn_guard_halved_resets",
                                   "Resets of connections that had carried a little.",
                                   &TestimonyCounters::halved},
    CounterName<TestimonyCounters>{"coturn_guard_kernel_signs", "Events that only the kernel told of.",
                                   &TestimonyCounters::signs},
    CounterName<TestimonyCounters>{"coturn_guard_excused_kernel_signs",
                                   "Of the kernel's signs, those that a line tells better.",
                                   &TestimonyCounters::excused},
    CounterName<TestimonyCounters>{"coturn_guard_unproven_lines",
                                   "Lines handed on unproven, because too many waited for the kernel's word.",
                                   &TestimonyCounters::overflowed},
    CounterName<TestimonyCounters>{
        "coturn_guard_ended_connections",
        "Ended connections that the kernel told of and that were matched with lines.",
        &TestimonyCounters::connections},
    CounterName<TestimonyCounters>{
        "coturn_guard_forgotten_connections",
        "Of the ended connections, those forgotten early because there were too many.",
        &TestimonyCounters::forgotten},
};
static_assert(names_all(kTestimonyNames));

inline constexpr std::array kAttributionNames{
    CounterName<AttributionCounters>{"coturn_guard_sessions", "Sessions of coturn's that were remembered.",
                                     &AttributionCounters::sessions},
    CounterName<AttributionCounters>{"coturn_guard_charged_events",
                                     "Events that waited for their session's client and found it.",
                                     &AttributionCounters::charged},
    CounterName<AttributionCounters>{"coturn_guard_unattributed_events",
                                     "Events that nobody could be charged with.",
                                     &AttributionCounters::unattributed},
    CounterName<AttributionCounters>{"coturn_guard_evicted_sessions",
                                     "Sessions forgotten because there were too many.",
                                     &AttributionCounters::evicted},
    CounterName<AttributionCounters>{"coturn_guard_excused_events",
                                     "Resets and the like of a session that had logged in.",
                                     &AttributionCounters::excused},
    CounterName<AttributionCounters>{"coturn_guard_outdated_events",
                                     "Events of a long session that its worst window outweighs.",
                                     &AttributionCounters::outdated},
    CounterName<AttributionCounters>{"coturn_guard_twice_told_events",
                                     "Events of a misdeed that another rule had told of already.",
                                     &AttributionCounters::told_twice},
    CounterName<AttributionCounters>{
        "coturn_guard_ambiguous_accusations",
        "Offences that may have been one client's or another's, so that nobody was charged with them.",
        &AttributionCounters::ambiguous},
    CounterName<AttributionCounters>{
        "coturn_guard_moved_session_offences",
        "Offences of sessions that a mobile client moved to a path that is not proven, so that nobody was "
        "charged with them.",
        &AttributionCounters::moved},
};
static_assert(names_all(kAttributionNames));

inline constexpr std::array kWitnessNames{
    CounterName<WitnessCounters>{"coturn_guard_witness_closed_connections",
                                 "Ends of connections to coturn's ports that the kernel told of.",
                                 &WitnessCounters::closed},
    CounterName<WitnessCounters>{"coturn_guard_witness_foreign_connections",
                                 "Connections to other ports that somebody listens on.",
                                 &WitnessCounters::foreign},
    CounterName<WitnessCounters>{"coturn_guard_witness_samples",
                                 "Living connections that the kernel told of.", &WitnessCounters::samples},
    CounterName<WitnessCounters>{"coturn_guard_witness_overflows",
                                 "Times that the kernel dropped words for the witness.",
                                 &WitnessCounters::overflows},
    CounterName<WitnessCounters>{"coturn_guard_witness_malformed_messages",
                                 "The kernel's messages that could not be read.",
                                 &WitnessCounters::malformed},
};
static_assert(names_all(kWitnessNames));

inline constexpr std::array kUdpLoginNames{
    CounterName<UdpLoginCounters>{
        "coturn_guard_customer_answers",
        "Answers of coturn's to customers over UDP that the kernel told of, one in ten "
        "minutes of each address.",
        &UdpLoginCounters::answers},
    CounterName<UdpLoginCounters>{"coturn_guard_customer_answer_overflows",
                                  "Times that the kernel dropped such answers for us.",
                                  &UdpLoginCounters::overflows},
    CounterName<UdpLoginCounters>{"coturn_guard_customer_answer_repairs",
                                  "Times that the table that tells of them was put back.",
                                  &UdpLoginCounters::repairs},
};
static_assert(names_all(kUdpLoginNames));

inline constexpr std::array kLedgerNames{
    CounterName<LedgerCounters>{"coturn_guard_recorded_offences", "Offences that count.",
                                &LedgerCounters::offences},
    CounterName<LedgerCounters>{"coturn_guard_not_bannable_offences",
                                "Offences counted and never judged: spoofable or tainted.",
                                &LedgerCounters::not_bannable},
    CounterName<LedgerCounters>{"coturn_guard_offences_while_banned",
                                "Offences of a network whose ban still ran.", &LedgerCounters::while_banned},
    CounterName<LedgerCounters>{"coturn_guard_passed_verdicts", "Verdicts that the ledger passed.",
                                &LedgerCounters::verdicts},
    CounterName<LedgerCounters>{"coturn_guard_evicted_networks",
                                "Networks forgotten early because the ledger was full.",
                                &LedgerCounters::evicted},
};
static_assert(names_all(kLedgerNames));

inline constexpr std::array kEnforcerNames{
    CounterName<EnforcerCounters>{"coturn_guard_enforced_bans", "New bans that the kernel took.",
                                  &EnforcerCounters::enforced},
    CounterName<EnforcerCounters>{"coturn_guard_lengthened_bans",
                                  "Bans that the kernel was told a later end of.",
                                  &EnforcerCounters::lengthened},
    CounterName<EnforcerCounters>{"coturn_guard_unchanged_bans",
                                  "Verdicts that an earlier, longer ban had made needless.",
                                  &EnforcerCounters::unchanged},
    CounterName<EnforcerCounters>{"coturn_guard_failed_bans",
                                  "Bans that did not come to stand, each try counted.",
                                  &EnforcerCounters::failed},
    CounterName<EnforcerCounters>{"coturn_guard_rearmed_bans",
                                  "Bans whose time-out in the kernel was renewed.",
                                  &EnforcerCounters::rearmed},
    CounterName<EnforcerCounters>{"coturn_guard_repairs",
                                  "Sets or drop rule put back after somebody else removed them.",
                                  &EnforcerCounters::repairs},
    CounterName<EnforcerCounters>{"coturn_guard_refused_bans",
                                  "Bans refused because the set is full (max_bans).",
                                  &EnforcerCounters::refused},
    CounterName<EnforcerCounters>{"coturn_guard_deferred_bans",
                                  "Bans that wait until their set can be repaired.",
                                  &EnforcerCounters::deferred},
};
static_assert(names_all(kEnforcerNames));

inline constexpr std::array kBansNames{
    CounterName<Bans::Counters>{
        "coturn_guard_room_making_bans",
        "Bans of first offenders that were ended early, because as many stood as may.",
        &Bans::Counters::made_room},
    CounterName<Bans::Counters>{"coturn_guard_refused_bans_left_out",
                                "Refused bans that are not tried again, because too many are.",
                                &Bans::Counters::left_out},
    CounterName<Bans::Counters>{"coturn_guard_refused_bans_stood_later",
                                "Refused bans that stood when they were tried again.",
                                &Bans::Counters::stood_later},
    CounterName<Bans::Counters>{"coturn_guard_expired_bans", "Bans whose time was over.",
                                &Bans::Counters::expired},
};
static_assert(names_all(kBansNames));

inline constexpr std::array kEvictionNames{
    CounterName<EvictionCounters>{"coturn_guard_eviction_passes",
                                  "Walks over the machine's connections to end those of banned addresses.",
                                  &EvictionCounters::passes},
    CounterName<EvictionCounters>{"coturn_guard_destroyed_connections",
                                  "TCP connections of banned addresses that were ended.",
                                  &EvictionCounters::connections},
    CounterName<EvictionCounters>{
        "coturn_guard_unsent_evictions",
        "TCP connections of banned addresses that the kernel could not be asked to end.",
        &EvictionCounters::unsent},
    CounterName<EvictionCounters>{
        "coturn_guard_deleted_flows",
        "Entries of banned addresses that were deleted from the kernel's table of flows.",
        &EvictionCounters::flows},
    CounterName<EvictionCounters>{
        "coturn_guard_missed_evictions",
        "Bans whose running connections were left to their time-outs, because too many waited.",
        &EvictionCounters::missed},
};
static_assert(names_all(kEvictionNames));

inline constexpr std::array kServerNames{
    CounterName<MetricsServerCounters>{"coturn_guard_metrics_requests",
                                       "Requests for metrics that were answered with them.",
                                       &MetricsServerCounters::requests},
    CounterName<MetricsServerCounters>{"coturn_guard_metrics_rejected_requests",
                                       "Requests answered with an error.", &MetricsServerCounters::rejected},
    CounterName<MetricsServerCounters>{"coturn_guard_metrics_accepted_clients",
                                       "Connections of who asks for metrics.",
                                       &MetricsServerCounters::clients},
    CounterName<MetricsServerCounters>{"coturn_guard_metrics_displaced_clients",
                                       "Of them, those closed to make room for another.",
                                       &MetricsServerCounters::displaced},
    CounterName<MetricsServerCounters>{"coturn_guard_metrics_timed_out_clients",
                                       "Of them, those that took too long to ask or to read.",
                                       &MetricsServerCounters::timed_out},
    CounterName<MetricsServerCounters>{"coturn_guard_metrics_collections",
                                       "Times that metrics were collected for a request.",
                                       &MetricsServerCounters::collections},
};
static_assert(names_all(kServerNames));

inline constexpr std::array kFileNames{
    CounterName<MetricsFileCounters>{"coturn_guard_metrics_file_writes",
                                     "Times that metrics_file was written.", &MetricsFileCounters::written},
    CounterName<MetricsFileCounters>{"coturn_guard_metrics_file_errors",
                                     "Times that it could not be written.", &MetricsFileCounters::failed},
};
static_assert(names_all(kFileNames));

}  // namespace coturn_guard
