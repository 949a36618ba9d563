// SPDX-License-Identifier: GPL-3.0-or-later
// The enforcer that enforces nothing: it keeps the table of bans, so that everything else behaves as it
// would, says "done" about each when the batch is sent, and never opens a socket.
#include <algorithm>
#include <utility>
#include <vector>

#include "enforce/backends.hpp"
#include "enforce/ban_table.hpp"
#include "util/random_seed.hpp"

namespace coturn_guard {
namespace {

class DryRun final : public Enforcer {
 public:
  DryRun(const EnforcerOptions& options, EnforcerEvents events)
      : events_(std::move(events)), bans_(options.max_bans, options.longest_timeout, random_seed()) {}

  Result<> start(const Now&) override { return {}; }

  void ban(const Prefix& prefix, std::chrono::seconds duration, const Now& now) override {
    switch (bans_.ban(prefix, BanTable::end_of(duration, now.mono), now.mono)) {
      case BanTable::Change::added: count(prefix, Fate::enforced, counters_.enforced); break;
      case BanTable::Change::lengthened: count(prefix, Fate::lengthened, counters_.lengthened); break;
      case BanTable::Change::unchanged: count(prefix, Fate::unchanged, counters_.unchanged); break;
      case BanTable::Change::refused:
        ++counters_.refused;
        count(prefix, Fate::failed, counters_.failed);
        break;
    }
  }

  void restore(const std::vector<LiveBan>& bans, const Now& now) override {
    for (const auto& ban : bans) {
      if (bans_.ban(ban.prefix, ban.until, now.mono) != BanTable::Change::refused) continue;
      ++counters_.refused;
      count(ban.prefix, Fate::failed, counters_.failed);
    }
    send();
  }
  void unban(const Prefix& prefix) override { bans_.remove(prefix); }

  void send() override {
    const auto fates = std::exchange(fates_, {});
    if (!events_.done) return;
    for (const auto& [prefix, fate] : fates) events_.done(prefix, fate);
  }

  void tick(const Now& now) override {
    const auto due = bans_.take_due(now.mono);
    if (!events_.expired) return;
    for (const auto& prefix : due.expired) events_.expired(prefix);
  }
  void withdraw() override {}
  [[nodiscard]] Result<> reconfigure(const EnforcerOptions& options, const Now&) override {
    bans_.set_bound(options.max_bans);
    return {};
  }
  [[nodiscard]] bool healthy() const override { return true; }
  [[nodiscard]] bool settled() const override { return true; }
  [[nodiscard]] std::size_t live_bans() const override { return bans_.size(); }
  [[nodiscard]] std::vector<Prefix> banned() const override { return bans_.prefixes(); }
  [[nodiscard]] const EnforcerCounters& counters() const override { return counters_; }
  [[nodiscard]] const BanTable& bans() const override { return bans_; }
  [[nodiscard]] bool read_traffic(TakeTraffic, std::function<void()>) override { return false; }

 private:
  void count(const Prefix& prefix, Fate fate, std::uint64_t& counter) {
    ++counter;
    fates_.emplace_back(prefix, fate);
  }

  EnforcerEvents events_;
  BanTable bans_;
  std::vector<std::pair<Prefix, Fate>> fates_;  // since the last send()
  EnforcerCounters counters_;
};

}  // namespace

Result<std::unique_ptr<Enforcer>> make_dry_run(boost::asio::io_context&, const EnforcerOptions& options,
                                               EnforcerEvents events) {
  return std::make_unique<DryRun>(options, std::move(events));
}

}  // namespace coturn_guard
