// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that the agent counts, as families of metrics. Only asked when somebody reads them: nothing of
// it is kept on the way of a line. counter_tables.hpp has the names of plain counters.
#pragma once

#include <chrono>
#include <vector>

#include "bans/bans.hpp"
#include "config.hpp"
#include "control/hook_queue.hpp"
#include "control/metrics_text.hpp"
#include "control/socket.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/udp_logins.hpp"
#include "eviction.hpp"
#include "gate_post.hpp"
#include "metrics_post.hpp"
#include "pipeline.hpp"
#include "source/source.hpp"
#include "source/witness.hpp"
#include "source_choice.hpp"
#include "util/log.hpp"
#include "verdict_meter.hpp"

namespace coturn_guard {

// Times that the configuration was read again.
struct ReloadCounters {
  std::uint64_t applied = 0;
  std::uint64_t rejected = 0;
};

// What is asked. All of it is borrowed for the call.
struct Measured {
  const Config& config;
  const Pipeline& pipeline;
  const Enforcer& enforcer;
  const LineSource& source;
  const GatePost& gate;
  const VerdictMeter& verdicts;
  const MetricsPost& post;
  const Log& log;
  const ReloadCounters& reloads;
  const Witness* witness = nullptr;
  const UdpLogins* udp_logins = nullptr;
  const Eviction* eviction = nullptr;
  const control::SocketCounters* control = nullptr;
  const Bans* bans = nullptr;
  HookCounters hooks{};
  std::uint64_t smoke_alarms = 0;
  bool smoke = false;  // SmokeAlarm::burning()
  std::uint64_t state_bytes = 0;
  std::string_view source_kind;
  std::string_view enforcer_name;
  bool simulated = false;
  // When nothing was left to read, as seen once a second.
  std::chrono::steady_clock::time_point read_up{};
  std::chrono::system_clock::time_point started{};
};

// Every family is there whatever is configured: what is switched off counts 0. `now`: for ages. A histogram
// borrows from `measured`.
[[nodiscard]] std::vector<MetricFamily> measure(const Measured& measured,
                                                std::chrono::steady_clock::time_point now);

}  // namespace coturn_guard
