// SPDX-License-Identifier: GPL-3.0-or-later
// Under which name the counters of the gate are published; see counter_tables.hpp.
#pragma once

#include <array>

#include "counter_name.hpp"
#include "enforce/gate_rule.hpp"
#include "judge/request_meter.hpp"
#include "source/gate.hpp"

namespace coturn_guard {

inline constexpr std::array kGateNames{
    CounterName<GateCounters>{"coturn_guard_gate_packets", "Packets that the kernel handed to the gate.",
                              &GateCounters::packets},
    CounterName<GateCounters>{"coturn_guard_gate_dropped_packets", "Packets that the gate dropped.",
                              &GateCounters::dropped},
    CounterName<GateCounters>{
        "coturn_guard_gate_overflows",
        "Times that the kernel had more packets than the gate's buffer holds; they passed.",
        &GateCounters::overflows},
    CounterName<GateCounters>{"coturn_guard_gate_malformed_messages",
                              "The kernel's messages to the gate that could not be read.",
                              &GateCounters::malformed},
    CounterName<GateCounters>{"coturn_guard_gate_refused_verdicts",
                              "Answers of the gate that the kernel did not take.", &GateCounters::refused},
    CounterName<GateCounters>{"coturn_guard_forging_packets",
                              "Packets dropped because they could forge lines of coturn's log.",
                              &GateCounters::forging},
    CounterName<GateCounters>{"coturn_guard_cut_short_packets",
                              "STUN over UDP dropped because not all of it could be seen.",
                              &GateCounters::cut_short},
    CounterName<GateCounters>{"coturn_guard_gate_proven_segments",
                              "TCP segments that the kernel says coturn's socket took.",
                              &GateCounters::proven},
    CounterName<GateCounters>{"coturn_guard_gate_unproven_segments",
                              "TCP segments that no socket took: forged, repeated, or of a coturn in another "
                              "network namespace; nobody is charged.",
                              &GateCounters::unproven},
    CounterName<GateCounters>{
        "coturn_guard_gate_unasked_segments",
        "TCP segments about which the kernel did not answer, or too late; nobody is charged.",
        &GateCounters::unasked},
};
static_assert(names_all(kGateNames));

inline constexpr std::array kGateRuleNames{
    CounterName<GateRuleCounters>{"coturn_guard_quenched_sources",
                                  "Sources put into the kernel's quench sets.", &GateRuleCounters::quenched},
    CounterName<GateRuleCounters>{"coturn_guard_failed_quenches",
                                  "Sources that the kernel did not take into them.",
                                  &GateRuleCounters::failed},
    CounterName<GateRuleCounters>{"coturn_guard_heard_connections",
                                  "TCP connections that said enough and whose packets pass by now.",
                                  &GateRuleCounters::heard},
    CounterName<GateRuleCounters>{
        "coturn_guard_failed_heard_connections",
        "Those that the kernel did not take into its set; their packets go on being looked at.",
        &GateRuleCounters::failed_heard},
    CounterName<GateRuleCounters>{"coturn_guard_gate_repairs",
                                  "Times that the gate's table was put back after somebody else changed it.",
                                  &GateRuleCounters::repairs},
};
static_assert(names_all(kGateRuleNames, sizeof(GateTraffic) / sizeof(std::uint64_t)));

inline constexpr std::array kGateTrafficNames{
    CounterName<GateTraffic>{"coturn_guard_quenched_packets",
                             "Packets of quenched sources that the kernel dropped.", &GateTraffic::dropped},
    CounterName<GateTraffic>{"coturn_guard_quenched_bytes", "Bytes of these packets.",
                             &GateTraffic::dropped_bytes, "bytes"},
    CounterName<GateTraffic>{"coturn_guard_gate_queued_packets",
                             "Packets for the gate: handed over, or passed because its queue was full.",
                             &GateTraffic::queued},
};
static_assert(names_all(kGateTrafficNames));

inline constexpr std::array kMeterNames{
    CounterName<MeterCounters>{"coturn_guard_metered_packets",
                               "Packets that ask for an answer before anything proves who asks.",
                               &MeterCounters::asked},
    CounterName<MeterCounters>{"coturn_guard_quenches",
                               "Times that a source asked for more answers than a client does.",
                               &MeterCounters::quenched},
    CounterName<MeterCounters>{"coturn_guard_late_packets",
                               "Packets of a quenched source that were on their way already.",
                               &MeterCounters::late},
    CounterName<MeterCounters>{"coturn_guard_evicted_sources",
                               "Sources of packets forgotten before their window was over.",
                               &MeterCounters::evicted},
};
static_assert(names_all(kMeterNames));

}  // namespace coturn_guard
