// SPDX-License-Identifier: GPL-3.0-or-later
#include "gate_post.hpp"

#include <boost/asio/error.hpp>
#include <string>
#include <utility>

#include "events.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::milliseconds kTellHeard{10};  // a transaction of the kernel's for each is too dear

}  // namespace

void GatePost::open(const Config& config, bool allowed, const Now& now) {
  if (config.gate == GateMode::off || !allowed) return;
  if (auto started = start(config, now); !started) {
    rule_.reset();
    remove_table();
    gate_.reset();
    log_.write(events::kGateFailed,
               {{"problem", started.error().message()},
                {"text", "no gate: packets to coturn are not looked at; everything else works"}},
               now.mono);
    return;
  }
  log_.write(
      events::kGate,
      {{"queue", std::to_string(config.gate_queue)},
       {"text", config.gate == GateMode::udp ? "UDP to coturn is looked at before coturn has it"
                                             : "UDP and TCP to coturn are looked at before coturn has it"}},
      now.mono);
}

Result<> GatePost::start(const Config& config, const Now& now) {
  auto rule = GateRule::create([this](const EnforcerNotice& notice) { announcer_.notice(notice); });
  if (!rule) return tl::unexpected(rule.error());
  gate_ = std::make_unique<Gate>(io_, config.gate_queue, events_);
  // Somebody must listen before the kernel has anything to hand over.
  if (auto started = gate_->start(); !started) return started;
  rule_ = std::move(*rule);
  return rule_->install(
      {.ports = gate_ports(config), .queue = config.gate_queue, .tcp = config.gate == GateMode::all},
      now.mono);
}

void GatePost::close(const Pipeline& pipeline, bool keep_table, const Now& now) {
  if (gate_ && rule_) {
    rule_->look();
    announcer_.gate_totals(pipeline, gate_->counters(), rule_->counters(), true, now);
  }
  rule_.reset();
  if (!keep_table) remove_table();
  gate_.reset();
}

void GatePost::remove_table() {
  if (auto removed = GateRule::remove(); !removed)
    log_.write(events::kFailed, {{"problem", removed.error().message()}}, std::chrono::steady_clock::now());
}

void GatePost::quench(const std::vector<Quench>& quenches, const Now& now) {
  if (quenches.empty() || !rule_) return;
  for (const auto& quench : quenches) rule_->quench(quench);
  rule_->send();
  announcer_.quenches(quenches, now);
}

void GatePost::heard(const std::vector<TcpFlow>& flows) {
  if (flows.empty() || !rule_) return;
  for (const auto& flow : flows) rule_->heard(flow);
  if (std::exchange(to_tell_, true)) return;
  telling_.expires_after(kTellHeard);
  telling_.async_wait([this](const auto& error) {
    if (error == boost::asio::error::operation_aborted) return;
    to_tell_ = false;
    if (rule_) rule_->send();
  });
}

void GatePost::tick(const Pipeline& pipeline, const Now& now) {
  if (!gate_ || !rule_) return;
  rule_->tick(now.mono);
  announcer_.gate_totals(pipeline, gate_->counters(), rule_->counters(), false, now);
}

}  // namespace coturn_guard
