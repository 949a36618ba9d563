// SPDX-License-Identifier: GPL-3.0-or-later
// The composition root of `coturn-guard run`: builds the rooms in the order in which things travel, connects
// them, and stops them (app_reload.cpp: a new configuration; app_bans.cpp: bans that stand). All wiring is
// here and nothing else is: no parsing, no judging, no kernel.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "allow_post.hpp"
#include "announcer.hpp"
#include "bans/bans.hpp"
#include "breaker_alarm.hpp"
#include "control/socket.hpp"
#include "control/sole_daemon.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/udp_logins.hpp"
#include "eviction.hpp"
#include "gate_judge.hpp"
#include "gate_post.hpp"
#include "history_post.hpp"
#include "hook_post.hpp"
#include "lasting_memory.hpp"
#include "measurements.hpp"
#include "metrics_post.hpp"
#include "operations.hpp"
#include "pipeline.hpp"
#include "relay_post.hpp"
#include "saved_bans.hpp"
#include "service.hpp"
#include "setup.hpp"
#include "smoke_alarm.hpp"
#include "source/host_addresses.hpp"
#include "source/source.hpp"
#include "source/witness.hpp"
#include "source_choice.hpp"
#include "util/log.hpp"
#include "verdict_meter.hpp"

namespace coturn_guard {

struct RunOptions {
  SetupPaths paths;
  bool dry_run = false;
  std::string control_socket = control::kSocketPath;  // empty: none
};

class App {
 public:
  // Errors name what the kernel or the host lacks; problems of the configuration were the caller's to tell.
  [[nodiscard]] static Result<std::unique_ptr<App>> create(RunOptions options, Setup setup, Log& log);
  // Until SIGTERM or SIGINT.
  void run();

 private:
  App(RunOptions options, Config config, std::unique_ptr<LastingMemory> memory, Pipeline pipeline, Log& log);

  [[nodiscard]] Result<> connect(const Now& now);
  [[nodiscard]] Result<> choose_source_anew(const Now& now);
  [[nodiscard]] Result<> make_source_anew();
  [[nodiscard]] SourceChoice look_for_source(const Now& now);
  [[nodiscard]] std::string source_name() const;
  void make_witness_anew(const Now& now);
  void make_udp_logins_anew(const Now& now);
  [[nodiscard]] Result<> make_enforcer_anew(const Now& now);
  void make_gate_anew(const Now& now);
  [[nodiscard]] bool simulated() const { return options_.dry_run || config_.mode == Mode::observe; }

  void make_eviction_anew();

  [[nodiscard]] EnforcerOptions enforcer_options() const {
    return {.max_bans = config_.max_bans, .ports = config_.ports};
  }

  void on_line(const Line& line, const Now& now);
  void on_connection(const Connection& connection, const Now& now);
  [[nodiscard]] PacketDecision on_packet(const Packet& packet, const Now& now);
  void on_witness(const WitnessState& state, const Now& now);
  void on_batch_end(const Now& now);
  void on_own_networks(std::vector<OwnNetwork> networks);
  void on_ban_done(const Prefix& prefix, Fate fate);
  void on_enforcer_full(bool full);
  void on_signal(const boost::system::error_code& error, int signal);
  void on_tick(const boost::system::error_code& error);

  void wait_for_signal();
  void wait_for_tick();
  Problems reload(const Now& now);
  void open_control(const Now& now);
  void apply(Setup setup, const Now& now);
  void restore_bans(const Now& now);
  void tell_restored(const Now& now);
  [[nodiscard]] SavedBan saved(const BanRecord& record, const Now& now) const;
  [[nodiscard]] BanKernel ban_kernel();
  void subscribe_to_bans();
  void save_bans(const BanChange& change, const Now& now);
  void judge_by_bans(const BanChange& change, const Now& now);
  void call_hooks(const BanChange& change, const Now& now);
  void save_soon();
  void wait_until_bans_stand();
  void adopt_bans(const Now& now);
  void on_adopted(const Prefix& prefix, std::chrono::seconds remaining);
  [[nodiscard]] LastingMemory::Moment moment();
  void on_allowed(std::vector<OwnNetwork> networks);
  void spare_own_networks(const Now& now);
  void free_spared(const Now& now);
  [[nodiscard]] std::uint64_t dropped_packets() const;
  [[nodiscard]] SmokeCounts smoke_counts() const;
  [[nodiscard]] std::string status(std::uint64_t lines_per_second) const;
  [[nodiscard]] std::vector<MetricFamily> measured() const;

  std::optional<SoleDaemon> sole_;  // the last to go
  RunOptions options_;
  Config config_;
  Log& log_;
  Announcer announcer_;
  BreakerAlarm breaker_alarm_;
  SmokeAlarm smoke_alarm_;
  HistoryPost history_;
  Service service_;
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer ticker_;

  std::unique_ptr<LastingMemory> memory_;
  SavedBans saved_bans_;
  std::vector<LiveBan> adopted_;  // found in the kernel, until the ledger may know

  // In the order of the journey, so that destruction runs from the front door back: the source goes first.
  VerdictMeter verdict_meter_;
  std::unique_ptr<Enforcer> enforcer_;
  EnforcerChoice enforcer_choice_;
  std::unique_ptr<Eviction> eviction_;
  Bans bans_;
  Outcome outcome_;  // of the batch in hand
  std::vector<OwnNetwork> host_networks_;
  Pipeline pipeline_;
  GateJudge gate_judge_{pipeline_, memory_->seed()};
  AllowPost allow_;
  HookPost hooks_;
  std::unique_ptr<HostAddresses> host_addresses_;
  std::unique_ptr<Witness> witness_;
  std::unique_ptr<UdpLogins> udp_logins_;
  GatePost gate_;
  RelayPost relays_;
  SourceChoice choice_;
  std::chrono::steady_clock::time_point choice_made_{};
  std::unique_ptr<LineSource> source_;

  // They look in from the side: first to go.
  Operations operations_;
  control::Socket control_;

  bool saves_next_ = false;  // in the next turn of the loop
  std::uint64_t lines_at_last_tick_ = 0;

  ReloadCounters reloads_;
  std::chrono::system_clock::time_point started_;
  std::chrono::steady_clock::time_point read_up_;  // Measured::read_up
  MetricsPost metrics_;
};

}  // namespace coturn_guard
