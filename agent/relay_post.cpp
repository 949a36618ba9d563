// SPDX-License-Identifier: GPL-3.0-or-later
#include "relay_post.hpp"

#include <utility>

#include "events.hpp"

namespace coturn_guard {
namespace {

constexpr std::chrono::seconds kTryAgain{60};
constexpr std::uint32_t kNobody = 65534;  // Linux: DEFAULT_OVERFLOWUID (linux/highuid.h)

// Of root's nothing tells coturn's packets from those of a monitor that root runs, nor of nobody's: many
// programs are that, and in containers coturn and its health check.
relay_table::Wish wish_for(const Config& config, std::set<std::uint32_t> users) {
  users.erase(0);
  users.erase(kNobody);
  const CoturnPorts ports = coturn_ports(config);
  return {std::move(users), ports.relay, without(ports.known, ports.relay)};
}

}  // namespace

void RelayPost::tick(const Config& config, const std::set<std::uint32_t>& users, bool allowed,
                     const Now& now) {
  if (!allowed) {
    rule_.reset();
    wish_ = {};
    return;
  }
  relay_table::Wish wish = wish_for(config, users.empty() ? wish_.users : users);
  if (wish.empty()) {
    if (std::exchange(wish_, std::move(wish)).empty()) return;
    rule_.reset();
    if (auto removed = RelayRule::remove(); !removed)
      log_.write(events::kFailed, {{"problem", removed.error().message()}}, now.mono);
    return;
  }
  if (rule_ && wish == wish_) return rule_->tick(now.mono);
  if (wish == wish_ && now.mono < next_try_) return;
  wish_ = std::move(wish);
  install(wish_, now);
}

void RelayPost::install(const relay_table::Wish& wish, const Now& now) {
  next_try_ = now.mono + kTryAgain;
  const auto failed = [&](const Error& error) {
    rule_.reset();
    log_.write(events::kFailed, {{"problem", error.message()}}, now.mono);
  };
  if (!rule_) {
    auto made = RelayRule::create([this](const EnforcerNotice& notice) { announcer_.notice(notice); });
    if (!made) return failed(made.error());
    rule_ = std::move(*made);
  }
  if (auto done = rule_->install(wish, now.mono); !done) failed(done.error());
}

}  // namespace coturn_guard
