// SPDX-License-Identifier: GPL-3.0-or-later
// The gate's two halves at one post: the queue from which its packets come (source/gate) and the table in the
// kernel that fills it (enforce/gate_rule), opened, kept and closed together. A help, not a need: where it
// cannot be had, the operator is told and the rest goes on. It decides nothing about a packet.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "announcer.hpp"
#include "config.hpp"
#include "enforce/gate_rule.hpp"
#include "source/gate.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class GatePost {
 public:
  GatePost(boost::asio::io_context& io, Log& log, Announcer& announcer, GateEvents events)
      : io_(io), log_(log), announcer_(announcer), events_(std::move(events)), telling_(io) {}

  // `allowed`: nobody is only simulated. What an earlier run left that was killed goes first.
  void open(const Config& config, bool allowed, const Now& now);
  // `keep_table`: a dry run changes nothing in the kernel.
  void close(const Pipeline& pipeline, bool keep_table, const Now& now);
  void quench(const std::vector<Quench>& quenches, const Now& now);
  // Told to the kernel a moment later, together with what else there is by then.
  void heard(const std::vector<TcpFlow>& flows);
  void tick(const Pipeline& pipeline, const Now& now);  // once a second

  [[nodiscard]] const GateCounters* packets() const { return gate_ ? &gate_->counters() : nullptr; }
  [[nodiscard]] const GateRuleCounters* rule() const { return rule_ ? &rule_->counters() : nullptr; }

 private:
  [[nodiscard]] Result<> start(const Config& config, const Now& now);
  void remove_table();

  boost::asio::io_context& io_;
  Log& log_;
  Announcer& announcer_;
  GateEvents events_;
  std::optional<GateRule> rule_;
  std::unique_ptr<Gate> gate_;
  boost::asio::steady_timer telling_;
  bool to_tell_ = false;
};

}  // namespace coturn_guard
