// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/kernel_enforcer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "enforce/order_queue.hpp"
#include "enforce/proof.hpp"
#include "util/random_seed.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;
using Level = EnforcerNotice::Level;

constexpr seconds kNoticeInterval{60};
constexpr seconds kRearmRetry{5};
// The kernel tells what is left in whole seconds: a difference of so much is none.
constexpr seconds kSameEnd{2};

class KernelEnforcer final : public Enforcer {
 public:
  KernelEnforcer(boost::asio::io_context& io, const EnforcerOptions& options, EnforcerEvents events,
                 MakeKernelParts make_parts, const Leftovers& predecessor)
      : events_(std::move(events)),
        bans_(options.max_bans, options.longest_timeout, random_seed()),
        parts_(make_parts(io, options, bans_)),
        queue_(io, bans_, *parts_.wire, queue_events()),
        proof_(*parts_.backing, options, bans_, queue_, proof_events()),
        traffic_(io, std::move(parts_.listing)),
        predecessor_(predecessor) {}

  Result<> start(const Now& now) override;
  void ban(const Prefix& prefix, seconds duration, const Now& now) override;
  void restore(const std::vector<LiveBan>& bans, const Now& now) override;
  void unban(const Prefix& prefix) override;
  void send() override { queue_.send(now_); }
  void tick(const Now& now) override;
  void withdraw() override;
  Result<> reconfigure(const EnforcerOptions& options, const Now& now) override;
  [[nodiscard]] bool healthy() const override { return healthy_; }
  [[nodiscard]] bool settled() const override { return queue_.idle(); }
  [[nodiscard]] std::size_t live_bans() const override { return bans_.size(); }
  [[nodiscard]] std::vector<Prefix> banned() const override { return bans_.prefixes(); }
  [[nodiscard]] const EnforcerCounters& counters() const override { return counters_; }
  [[nodiscard]] const BanTable& bans() const override { return bans_; }
  [[nodiscard]] bool read_traffic(TakeTraffic take, std::function<void()> done) override {
    return traffic_.start(std::move(take), std::move(done));
  }

 private:
  using Time = BanTable::Time;

  [[nodiscard]] OrderQueue::Events queue_events();
  [[nodiscard]] Proof::Events proof_events();
  void on_succeeded(const Order& order);
  void on_deferred(const Order& order);
  void on_failed(const Order& order, const std::error_code& code);
  void on_answered();
  void on_found(Family family, const Backing::Adopted& adopted);
  [[nodiscard]] std::size_t take_over(const std::vector<Element>& elements);
  void take_over_predecessor();
  void dismiss_predecessor();
  void prove();
  void finish(const Prefix& prefix, Fate fate, std::uint64_t& counter) const;
  void notify(Level level, const char* event, std::string text, std::string remedy = {}) const;
  void notify_full(const Prefix& prefix);

  EnforcerEvents events_;
  EnforcerCounters counters_;
  BanTable bans_;
  KernelParts parts_;
  OrderQueue queue_;
  Proof proof_;
  TrafficReader traffic_;
  const Leftovers& predecessor_;
  bool predecessor_stands_ = false;
  Time now_{};  // of the last call that told the time
  bool starting_ = false;
  bool healthy_ = false;
  Time next_full_notice_{};
  Time next_failure_notice_{};
};

OrderQueue::Events KernelEnforcer::queue_events() {
  OrderQueue::Events events;
  events.succeeded = [this](const Order& order) { on_succeeded(order); };
  events.failed = [this](const Order& order, const std::error_code& code) { on_failed(order, code); };
  events.deferred = [this](const Order& order) { on_deferred(order); };
  events.answered = [this] { on_answered(); };
  events.pause = [this](bool full) {
    if (events_.pause) events_.pause(full);
  };
  events.not_sent = [this](const Error& error) {
    healthy_ = false;
    notify(Level::error, "enforce.lost", error.message());
  };
  return events;
}

Proof::Events KernelEnforcer::proof_events() {
  Proof::Events events;
  events.found = [this](Family family, const Backing::Adopted& adopted) { on_found(family, adopted); };
  events.repaired = [this](const std::string& what) {
    ++counters_.repairs;
    notify(Level::warning, "enforce.repaired", what,
           "find out which program changes sets or rules that are not its own");
  };
  events.contested = [this](std::size_t lately, seconds wait) {
    notify(Level::error, "enforce.contested",
           fmt::format("sets or rule were repaired {} times within a minute; the next repair waits {} s",
                       lately, wait.count()),
           "stop the program that removes them: bans do not hold meanwhile");
  };
  return events;
}

Result<> KernelEnforcer::start(const Now& now) {
  now_ = now.mono;
  if (auto opened = proof_.is_open() ? Result<>{} : proof_.open(); !opened) return opened;
  if (auto opened = queue_.is_open() ? Result<>{} : queue_.open(); !opened) return opened;
  starting_ = true;
  auto started = proof_.start(now.mono);
  starting_ = false;
  if (!started) return started;
  healthy_ = true;
  take_over_predecessor();
  send();
  return started;
}

// How many found no room. The kernel's end of what is refused is its own affair: nobody counts it any more.
std::size_t KernelEnforcer::take_over(const std::vector<Element>& elements) {
  std::size_t refused = 0;
  for (const auto& element : elements) {
    if (element.exempt) continue;
    const bool for_ever = element.timeout_seconds == 0;
    const auto rest = seconds(element.timeout_seconds);
    if (bans_.ban(element.prefix, for_ever ? BanTable::kForever : now_ + rest, now_) ==
        BanTable::Change::refused)
      ++refused;
    else if (events_.adopted)
      events_.adopted(element.prefix, for_ever ? kForeverBan : rest);
  }
  return refused;
}

void KernelEnforcer::on_found(Family family, const Backing::Adopted& adopted) {
  const auto refused = take_over(adopted.elements);
  if (adopted.dropped + refused > 0)
    notify(Level::warning, "enforce.full",
           fmt::format("{} bans that stood in the kernel are more than max_bans allows",
                       adopted.dropped + refused),
           "raise max_bans");
  if (starting_ && !adopted.elements.empty())
    notify(Level::info, "enforce.adopted",
           fmt::format("took over {} bans that stood in the set {}", adopted.elements.size(),
                       parts_.backing->set_name(family)));
}

// The operator changed the backend: its bans become ours, and its sets and rule go once ours hold them all.
void KernelEnforcer::take_over_predecessor() {
  const auto left = predecessor_.bans();
  // Where the other half of the kernel cannot be asked (no such module), it holds nothing either.
  predecessor_stands_ = left && left->has_value();
  if (!predecessor_stands_) return;
  const auto refused = take_over(**left);
  for (const auto family : kFamilies) queue_.refill(family);
  notify(Level::info, "enforce.adopted",
         fmt::format("took over {} bans that stood in the kernel by {}", (*left)->size() - refused,
                     predecessor_.name));
}

void KernelEnforcer::dismiss_predecessor() {
  if (!predecessor_stands_ || !healthy_ || !queue_.idle()) return;
  predecessor_stands_ = false;
  if (auto removed = predecessor_.remove_all(); !removed)
    notify(Level::warning, "enforce.leftover", removed.error().message(),
           "what is left there drops whom it holds until its time ends; remove it by hand");
}

void KernelEnforcer::ban(const Prefix& prefix, seconds duration, const Now& now) {
  now_ = now.mono;
  if (prefix == canary(family_of(prefix))) return finish(prefix, Fate::unchanged, counters_.unchanged);
  if (queue_.overfull()) return finish(prefix, Fate::failed, counters_.failed);
  switch (bans_.ban(prefix, BanTable::end_of(duration, now.mono), now.mono)) {
    case BanTable::Change::added: return queue_.push(prefix, Order::Why::new_ban);
    case BanTable::Change::lengthened: return queue_.push(prefix, Order::Why::longer_ban);
    case BanTable::Change::unchanged: return finish(prefix, Fate::unchanged, counters_.unchanged);
    case BanTable::Change::refused:
      ++counters_.refused;
      notify_full(prefix);
      return finish(prefix, Fate::failed, counters_.failed);
  }
}

void KernelEnforcer::restore(const std::vector<LiveBan>& bans, const Now& now) {
  now_ = now.mono;
  std::size_t refused = 0;
  std::array<bool, 2> refill{};
  for (const auto& [prefix, until] : bans) {
    if (prefix == canary(family_of(prefix))) continue;
    const auto known = bans_.expiry(prefix);
    const auto change = bans_.ban(prefix, until, now_);
    if (change == BanTable::Change::refused) {
      ++refused;
      finish(prefix, Fate::failed, counters_.failed);
    }
    const bool told = known && until - *known <= kSameEnd;
    if (!told && (change == BanTable::Change::added || change == BanTable::Change::lengthened))
      refill[static_cast<std::size_t>(family_of(prefix))] = true;
  }
  for (const auto family : kFamilies)
    if (refill[static_cast<std::size_t>(family)]) queue_.refill(family);
  if (refused > 0)
    notify(Level::warning, "enforce.full",
           fmt::format("{} saved bans are more than max_bans allows", refused), "raise max_bans");
  send();
}

void KernelEnforcer::unban(const Prefix& prefix) {
  if (bans_.remove(prefix)) queue_.push(prefix, Order::Why::release);
}

void KernelEnforcer::on_succeeded(const Order& order) {
  switch (order.why) {
    case Order::Why::new_ban: return finish(order.prefix, Fate::enforced, counters_.enforced);
    case Order::Why::longer_ban: return finish(order.prefix, Fate::lengthened, counters_.lengthened);
    case Order::Why::rearm: ++counters_.rearmed; return;
    case Order::Why::release:
    case Order::Why::refill: return;
  }
}

void KernelEnforcer::on_deferred(const Order& order) {
  if (order.why == Order::Why::new_ban || order.why == Order::Why::longer_ban)
    finish(order.prefix, Fate::deferred, counters_.deferred);
}

void KernelEnforcer::on_failed(const Order& order, const std::error_code& code) {
  if (code == std::errc::no_space_on_device) {
    ++counters_.refused;
    notify_full(order.prefix);
  } else if (now_ >= next_failure_notice_) {
    next_failure_notice_ = now_ + kNoticeInterval;
    notify(Level::error, "enforce.failed",
           fmt::format("the kernel refused {}: {}", order.prefix.to_string(), code.message()));
  }
  if (order.why == Order::Why::release) return;
  // The shorter one stands, and the longer end is told to the kernel again.
  if (order.why == Order::Why::rearm || order.why == Order::Why::longer_ban) {
    bans_.retry(order.prefix, now_ + kRearmRetry);
    if (order.why == Order::Why::longer_ban) finish(order.prefix, Fate::deferred, counters_.deferred);
    return;
  }
  bans_.remove(order.prefix);  // what the kernel does not hold is no ban
  finish(order.prefix, Fate::failed, counters_.failed);
}

void KernelEnforcer::on_answered() {
  const bool suspect = std::any_of(std::begin(kFamilies), std::end(kFamilies),
                                   [this](Family family) { return queue_.suspect(family); });
  if (suspect) prove();
  send();
  dismiss_predecessor();
}

void KernelEnforcer::tick(const Now& now) {
  now_ = now.mono;
  const auto due = bans_.take_due(now.mono);
  for (const auto& prefix : due.rearm) queue_.push(prefix, Order::Why::rearm);
  for (const auto& prefix : due.expired)
    if (parts_.wire->outlives(prefix, now.mono)) queue_.push(prefix, Order::Why::release);
  if (events_.expired)
    for (const auto& prefix : due.expired) events_.expired(prefix);
  if (proof_.is_open()) prove();
  send();
  dismiss_predecessor();
}

void KernelEnforcer::prove() {
  const auto proved = proof_.prove(now_);
  const bool was_healthy = std::exchange(healthy_, proved.has_value());
  if (proved) {
    if (!was_healthy) notify(Level::info, "enforce.recovered", "the sets and the drop rule are proved again");
    return;
  }
  if (!was_healthy && now_ < next_failure_notice_) return;
  next_failure_notice_ = now_ + kNoticeInterval;
  notify(Level::error, "enforce.lost", proved.error().message());
}

void KernelEnforcer::withdraw() {
  if (auto done = proof_.withdraw(); !done) notify(Level::error, "enforce.failed", done.error().message());
}

Result<> KernelEnforcer::reconfigure(const EnforcerOptions& options, const Now& now) {
  now_ = now.mono;
  auto changed = proof_.change(options, now.mono);
  if (changed) bans_.set_bound(options.max_bans);
  return changed;
}

void KernelEnforcer::finish(const Prefix& prefix, Fate fate, std::uint64_t& counter) const {
  ++counter;
  if (events_.done) events_.done(prefix, fate);
}

void KernelEnforcer::notify(Level level, const char* event, std::string text, std::string remedy) const {
  if (events_.notice) events_.notice({level, event, std::move(text), std::move(remedy)});
}

void KernelEnforcer::notify_full(const Prefix& prefix) {
  if (now_ < next_full_notice_) return;
  next_full_notice_ = now_ + kNoticeInterval;
  notify(
      Level::error, "enforce.full",
      fmt::format(
          "no room for {}: {} {} bans stand already, and none of them is ended early (refused so far: {})",
          prefix.to_string(), bans_.size(prefix.is_v4()), family_word(family_of(prefix)), counters_.refused),
      "raise max_bans");
}

}  // namespace

Result<std::unique_ptr<Enforcer>> make_kernel_enforcer(boost::asio::io_context& io,
                                                       const EnforcerOptions& options, EnforcerEvents events,
                                                       MakeKernelParts make_parts,
                                                       const Leftovers& predecessor) {
  if (options.longest_timeout < seconds{2} || options.longest_timeout > seconds{2147483})
    return fail("the longest timeout of a set is 2 to 2147483 seconds, not {}",
                options.longest_timeout.count());
  return std::make_unique<KernelEnforcer>(io, options, std::move(events), make_parts, predecessor);
}

}  // namespace coturn_guard
