// SPDX-License-Identifier: GPL-3.0-or-later
// The part of App that takes a new configuration: all of it, or nothing where it has a mistake.
#include <utility>

#include "app.hpp"
#include "events.hpp"
#include "source/clocks.hpp"

namespace coturn_guard {

Problems App::reload(const Now& now) {
  service_.reloading(now.mono);
  auto setup = load_setup(options_.paths);
  if (setup) {
    ++reloads_.applied;
    for (const auto& note : setup->notes) log_.write(events::kNote, {{"note", note}}, now.mono);
    apply(std::move(*setup), now);
  } else {
    ++reloads_.rejected;
    for (const auto& problem : setup.error()) log_.write(events::kRejected, {{"problem", problem}}, now.mono);
  }
  service_.ready(status(0));
  return setup ? Problems{} : setup.error();
}

void App::apply(Setup setup, const Now& now) {
  const Config old = std::exchange(config_, std::move(setup.config));
  if (auto set = pipeline_.recogniser().set_timestamp_format(config_.log_timestamp_format); !set)
    log_.write(events::kRejected, {{"problem", set.error().message()}}, now.mono);
  pipeline_.set_rules(std::move(setup.rules));
  pipeline_.set_policy(config_.policy);
  pipeline_.set_admin_ports(config_.admin_ports);
  pipeline_.set_web_admin_ports(config_.web_admin_ports);
  pipeline_.set_quench(config_.quench);
  pipeline_.set_breaker(config_.breaker);
  pipeline_.set_nat64(config_.nat64);
  pipeline_.recogniser().set_tags(config_.log_tags);
  pipeline_.allowlist().set_ignored(config_.ignoreip);
  const auto change_enforcer = [&] {
    const bool same = old.mode == config_.mode && old.enforcer == config_.enforcer;
    return same ? enforcer_->reconfigure(enforcer_options(), now) : make_enforcer_anew(now);
  };
  if (auto changed = change_enforcer(); !changed)
    log_.write(events::kFailed, {{"problem", changed.error().message()}}, now.mono);
  if (old.end_connections != config_.end_connections)
    make_eviction_anew();
  else if (eviction_)
    eviction_->set_ports(config_.ports);
  if (auto made = choose_source_anew(now); !made)
    log_.write(events::kFailed, {{"problem", made.error().message()}}, now.mono);
  if (old.witness != config_.witness) {
    make_witness_anew(now);
  } else if (witness_) {
    witness_->set_ports(coturn_ports(config_));
    witness_->set_traces(coturn_traces(config_, choice_));
  }
  if (old.witness != config_.witness || old.mode != config_.mode || gate_ports(old) != gate_ports(config_))
    make_udp_logins_anew(now);
  const bool same_gate = old.gate == config_.gate && old.gate_queue == config_.gate_queue &&
                         old.mode == config_.mode && gate_ports(old) == gate_ports(config_);
  if (!same_gate) make_gate_anew(now);
  metrics_.configure(config_, now);
  hooks_.configure(config_.hooks);
  allow_.set_configured(config_.ignored_names);
  spare_own_networks(now);
  log_.write(events::kReloaded,
             {{"mode", simulated() ? "observe" : "enforce"}, {"enforcer", enforcer_choice_.name}}, now.mono);
}

}  // namespace coturn_guard
