// SPDX-License-Identifier: GPL-3.0-or-later
// The enforcer that bans by ipset: verdicts wait in a bounded queue, go to the kernel many at a time, and the
// answers are read in the loop. What the kernel should hold is always read from the table of bans at the
// moment of sending, so that an order which was overtaken (banned, freed, banned again) ends where the last
// word was. The proof that it bites is in tick(). It decides nothing about who, and leaves sets and rule in
// the kernel when it goes.
#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <random>

#include "enforce/backends.hpp"
#include "enforce/ban_table.hpp"
#include "enforce/kernel_rule.hpp"
#include "enforce/kernel_sets.hpp"

namespace coturn_guard {
namespace {

using ipset::Family;
using std::chrono::seconds;
using Level = EnforcerNotice::Level;

constexpr Family kFamilies[] = {Family::v4, Family::v6};
constexpr std::size_t kQueueLimit = 65536;
constexpr std::size_t kMessageEntries = 256;   // in one message
constexpr std::size_t kTurnMessages = 8;       // in one send(2): the kernel works some 2 ms on that many
constexpr std::size_t kTurnLoneMessages = 64;  // where each entry travels alone, after a failure
constexpr seconds kHeaderInterval{30};
constexpr seconds kNoticeInterval{60};
constexpr seconds kRearmRetry{5};
constexpr unsigned kCalmRepairs =
    5;  // so many within kContestWindow are taken for somebody else's program fighting us
constexpr seconds kContestWindow{60};
constexpr seconds kLongestBackOff{30};

const char* word(Family family) {
  return family == Family::v4 ? "IPv4" : "IPv6";
}

HashSeed draw_seed() {
  std::random_device random;
  const auto draw = [&] { return std::uint64_t{random()} << 32 | random(); };
  return {draw(), draw()};
}

// Something about a prefix that the kernel has to hear.
struct Order {
  enum class Why : std::uint8_t { new_ban, longer_ban, release, rearm, refill };
  Prefix prefix;
  Why why = Why::new_ban;
  bool alone = false;  // was behind a failed one in its message
};

class IpsetEnforcer final : public Enforcer {
 public:
  IpsetEnforcer(boost::asio::io_context& io, const EnforcerOptions& options, EnforcerEvents events)
      : options_(options),
        events_(std::move(events)),
        bans_(options.max_bans, options.longest_timeout, draw_seed()),
        answers_(io),
        changes_(io) {}
  ~IpsetEnforcer() override {
    if (answers_.is_open()) answers_.release();  // commands_ owns it
  }

  Result<> start(const Now& now) override;
  void ban(const Prefix& prefix, seconds duration, const Now& now) override;
  void unban(const Prefix& prefix) override;
  void send() override;
  void tick(const Now& now) override;
  void withdraw() override;
  Result<> reconfigure(const EnforcerOptions& options, const Now& now) override;
  [[nodiscard]] bool healthy() const override { return healthy_; }
  [[nodiscard]] std::size_t live_bans() const override { return bans_.size(); }
  [[nodiscard]] std::vector<Prefix> banned() const override { return bans_.prefixes(); }
  [[nodiscard]] const EnforcerCounters& counters() const override { return counters_; }

 private:
  using Time = BanTable::Time;
  struct Sent {
    std::uint32_t sequence = 0;
    std::size_t first = 0, count = 0;  // in flight_
    bool answered = false;
  };

  // --- queue ---
  void push(const Prefix& prefix, Order::Why why);
  [[nodiscard]] std::optional<Order> next_order();
  void await_answers();
  void on_answers(const boost::system::error_code& error);
  void settle(Sent& sent, const Acknowledgement& acknowledgement);
  void succeeded(const Order& order);
  void failed(const Order& order, const std::error_code& code);
  void end_of_flight();
  void lost_answers();
  void set_pause();
  // --- proof and repair ---
  void await_changes();
  void on_changes(const boost::system::error_code& error);
  void prove(const Now& now);
  [[nodiscard]] Result<> prove_sets(const Now& now);
  [[nodiscard]] Result<> prove_rule(const Now& now);
  [[nodiscard]] Result<> repair_set(Family family, const Now& now);
  [[nodiscard]] Result<drop_rule::Wish> wish(Family family);
  void take_in(const KernelSets::Adopted& adopted, const Now& now);
  [[nodiscard]] bool may_repair(const Now& now);
  void repaired(const std::string& what, const Now& now);
  void notify(Level level, const char* event, std::string text, std::string remedy = {}) const;
  void notify_full(const Prefix& prefix);

  EnforcerOptions options_;
  EnforcerEvents events_;
  EnforcerCounters counters_;
  BanTable bans_;
  std::optional<KernelSets> sets_;
  std::optional<KernelRule> rule_;

  std::optional<NetlinkSocket> commands_;  // writes; its descriptor is borrowed by answers_
  boost::asio::posix::stream_descriptor answers_;
  boost::asio::posix::stream_descriptor changes_;
  Bytes receive_buffer_;
  Bytes send_buffer_;

  std::deque<Order> queue_;
  std::array<std::size_t, 2> refill_{0, 0};  // next slot of the table to be told again, per family
  std::array<bool, 2> refilling_{false, false};
  std::vector<Order> flight_;
  std::vector<Sent> sent_;
  bool paused_ = false;
  std::array<bool, 2> suspect_{false, false};  // an answer said that the set is not what it should be

  Time now_{};                // of the last call that told the time
  bool rule_suspect_ = true;  // something happened to the table, or nobody looked yet
  bool looked_since_tick_ = false;
  bool withdrawn_ = false;
  bool healthy_ = false;
  Time next_header_{};
  Time next_full_notice_{};
  Time next_failure_notice_{};
  std::deque<Time> repairs_;  // lately
  Time no_repair_before_{};
  seconds back_off_{0};
};

Result<> IpsetEnforcer::start(const Now& now) {
  now_ = now.mono;
  if (!sets_) {
    auto sets = KernelSets::create(options_.max_bans);
    if (!sets) return tl::unexpected(sets.error());
    auto rule = KernelRule::create();
    if (!rule) return tl::unexpected(rule.error());
    auto commands = NetlinkSocket::create();
    if (!commands) return tl::unexpected(commands.error());
    auto changes = NetlinkSocket::create(NFNLGRP_NFTABLES);
    if (!changes) return tl::unexpected(changes.error());
    sets_ = std::move(*sets);
    rule_ = std::move(*rule);
    changes_.assign(changes->release());
    commands_ = std::move(*commands);
    answers_.assign(commands_->fd());
    await_answers();
    await_changes();
  }
  for (const auto family : kFamilies) {
    auto adopted = sets_->adopt(family, KernelSets::Misfit::is_an_error);
    if (!adopted) return tl::unexpected(adopted.error());
    take_in(*adopted, now);
    if (adopted->created || adopted->elements.empty()) continue;
    notify(Level::info, "enforce.adopted",
           fmt::format("took over {} bans that stood in the set {}", adopted->elements.size(),
                       set_name(family)));
  }
  withdrawn_ = false;
  for (const auto family : kFamilies) {
    const auto wanted = wish(family);
    if (!wanted) return tl::unexpected(wanted.error());
    const auto stands = rule_->stands(*wanted);
    if (stands && *stands) continue;  // ours from before: left as it is, with its counters
    if (auto done = rule_->install(*wanted); !done) return done;
  }
  rule_suspect_ = false;
  next_header_ = now.mono + kHeaderInterval;
  healthy_ = true;
  return {};
}

void IpsetEnforcer::take_in(const KernelSets::Adopted& adopted, const Now& now) {
  std::size_t refused = 0;
  for (const auto& element : adopted.elements) {
    if (element.exempt) continue;
    const auto until =
        element.timeout_seconds == 0 ? BanTable::kForever : now.mono + seconds(element.timeout_seconds);
    if (bans_.ban(element.prefix, until, now.mono) == BanTable::Change::refused) {
      ++refused;
    } else if (events_.adopted) {
      const bool for_ever = element.timeout_seconds == 0;
      events_.adopted(element.prefix, for_ever ? kLongestBan : seconds(element.timeout_seconds));
    }
  }
  if (adopted.dropped + refused > 0)
    notify(Level::warning, "enforce.full",
           fmt::format("{} bans that stood in the kernel are more than max_bans allows",
                       adopted.dropped + refused),
           "raise max_bans");
}

Result<drop_rule::Wish> IpsetEnforcer::wish(Family family) {
  const auto index = sets_->index(family);
  if (!index) return tl::unexpected(index.error());
  return drop_rule::Wish{family, *index, options_.ports};
}

void IpsetEnforcer::ban(const Prefix& prefix, seconds duration, const Now& now) {
  now_ = now.mono;
  const auto answer = [&](Fate fate) {
    if (events_.done) events_.done(prefix, fate);
  };
  const auto unchanged = [&] {
    ++counters_.unchanged;
    answer(Fate::unchanged);
  };
  if (prefix == canary(ipset::family_of(prefix))) return unchanged();
  const auto until = now.mono + std::min(duration, kLongestBan);
  // Twice the limit is only reached by somebody who does not mind pause().
  if (queue_.size() >= 2 * kQueueLimit) {
    ++counters_.failed;
    return answer(Fate::failed);
  }
  switch (bans_.ban(prefix, until, now.mono)) {
    case BanTable::Change::added: push(prefix, Order::Why::new_ban); break;
    case BanTable::Change::lengthened: push(prefix, Order::Why::longer_ban); break;
    case BanTable::Change::unchanged: unchanged(); break;
    case BanTable::Change::refused:
      ++counters_.refused;
      ++counters_.failed;
      notify_full(prefix);
      answer(Fate::failed);
      break;
  }
}

void IpsetEnforcer::unban(const Prefix& prefix) {
  if (bans_.remove(prefix)) push(prefix, Order::Why::release);
}

void IpsetEnforcer::push(const Prefix& prefix, Order::Why why) {
  queue_.push_back({prefix, why});
  set_pause();
}

void IpsetEnforcer::set_pause() {
  const bool full = paused_ ? queue_.size() > kQueueLimit / 2 : queue_.size() >= kQueueLimit;
  if (full == paused_) return;
  paused_ = full;
  if (events_.pause) events_.pause(full);
}

// From the queue first; what a repair has to put back comes behind, straight from the table.
std::optional<Order> IpsetEnforcer::next_order() {
  if (!queue_.empty()) {
    const Order order = queue_.front();
    queue_.pop_front();
    return order;
  }
  for (const auto family : kFamilies) {
    const auto which = static_cast<std::size_t>(family);
    while (refilling_[which]) {
      if (refill_[which] >= bans_.slots()) {
        refilling_[which] = false;
        break;
      }
      const Prefix* const prefix = bans_.at(refill_[which]++);
      if (prefix != nullptr && ipset::family_of(*prefix) == family) return Order{*prefix, Order::Why::refill};
    }
  }
  return std::nullopt;
}

void IpsetEnforcer::send() {
  if (!commands_ || !flight_.empty() || suspect_[0] || suspect_[1])
    return;  // the answers, or the repair, call again
  send_buffer_.clear();
  sent_.clear();
  std::vector<ipset::Element> elements;
  std::optional<Order> order;
  std::optional<Time> until;
  const auto take = [&] {
    order = next_order();
    if (order) until = bans_.expiry(order->prefix);
  };
  bool lone = false;
  for (take(); order && sent_.size() < (lone ? kTurnLoneMessages : kTurnMessages);) {
    // One message: as many orders as are of one family and of one verb.
    elements.clear();
    const auto family = ipset::family_of(order->prefix);
    const bool adding = until.has_value();
    lone = order->alone;
    const std::size_t first = flight_.size();
    do {
      if (ipset::family_of(order->prefix) != family || until.has_value() != adding || order->alone != lone)
        break;
      elements.push_back(
          {.prefix = order->prefix, .timeout_seconds = until ? bans_.kernel_timeout(*until, now_) : 0});
      flight_.push_back(*order);
      take();
    } while (order && elements.size() < (lone ? 1 : kMessageEntries));
    const auto sequence = commands_->next_sequence();
    if (adding)
      ipset::put_add(send_buffer_, sequence, set_name(family), elements);
    else
      ipset::put_remove(send_buffer_, sequence, set_name(family), elements);
    sent_.push_back({sequence, first, elements.size()});
  }
  if (order) queue_.push_front(*order);
  set_pause();
  if (flight_.empty()) return;
  if (auto done = commands_->send(send_buffer_); !done) {
    // Nothing of it was seen by the kernel: back into the queue, and the next tick tries again.
    notify(Level::error, "enforce.lost", done.error().message());
    for (; !flight_.empty(); flight_.pop_back()) queue_.push_front(flight_.back());
    healthy_ = false;
  }
}

void IpsetEnforcer::await_answers() {
  answers_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code& error) { on_answers(error); });
}

void IpsetEnforcer::on_answers(const boost::system::error_code& error) {
  if (error == boost::asio::error::operation_aborted) return;
  for (;;) {
    const auto received = NetlinkSocket::receive(commands_->fd(), receive_buffer_, false);
    if (!received) {
      lost_answers();
      break;
    }
    if (received->empty()) break;
    ByteView rest = *received;
    while (const auto message = next_message(rest)) {
      const auto acknowledgement = decode_acknowledgement(*message);
      const auto sent = std::find_if(sent_.begin(), sent_.end(),
                                     [&](const Sent& one) { return one.sequence == message->sequence; });
      if (acknowledgement && sent != sent_.end() && !sent->answered) settle(*sent, *acknowledgement);
    }
  }
  if (!flight_.empty() &&
      std::all_of(sent_.begin(), sent_.end(), [](const Sent& one) { return one.answered; }))
    end_of_flight();
  await_answers();
}

void IpsetEnforcer::settle(Sent& sent, const Acknowledgement& acknowledgement) {
  sent.answered = true;
  const auto orders = std::span(flight_).subspan(sent.first, sent.count);
  if (acknowledgement.error == 0) {
    for (const auto& order : orders) succeeded(order);
    return;
  }
  const auto code = ipset::make_error(acknowledgement.error);
  const auto which = static_cast<std::size_t>(ipset::family_of(orders[0].prefix));
  std::size_t at = std::min(ipset::failed_element(acknowledgement).value_or(0), orders.size() - 1);
  for (const auto& order : orders.first(at)) succeeded(order);
  // No set, or one that somebody exchanged: all of it again, once the set is ours again.
  if (code == std::errc::no_such_file_or_directory || code == ipset::make_error(ipset::kNoTimeouts)) {
    suspect_[which] = true;
  } else if (ipset::failed_element(acknowledgement) || orders.size() == 1) {
    failed(orders[at], code);
    ++at;
  }
  // What stands behind the failed one was not looked at. It goes alone: a full set refuses nearly all of
  // them, and with one answer a message that stays linear.
  for (std::size_t i = orders.size(); i > at; --i) {
    orders[i - 1].alone = true;
    queue_.push_front(orders[i - 1]);
  }
}

void IpsetEnforcer::succeeded(const Order& order) {
  const auto done = [&](Fate fate, std::uint64_t& counter) {
    ++counter;
    if (events_.done) events_.done(order.prefix, fate);
  };
  switch (order.why) {
    case Order::Why::new_ban: return done(Fate::enforced, counters_.enforced);
    case Order::Why::longer_ban: return done(Fate::lengthened, counters_.lengthened);
    case Order::Why::rearm: ++counters_.rearmed; return;
    case Order::Why::release:
    case Order::Why::refill: return;
  }
}

void IpsetEnforcer::failed(const Order& order, const std::error_code& code) {
  if (code == ipset::make_error(ipset::kFull)) {
    ++counters_.refused;
    notify_full(order.prefix);
  } else if (now_ >= next_failure_notice_) {
    next_failure_notice_ = now_ + kNoticeInterval;
    notify(Level::error, "enforce.failed",
           fmt::format("the kernel refused {}: {}", order.prefix.to_string(), code.message()));
  }
  if (order.why == Order::Why::rearm) return bans_.retry(order.prefix, now_ + kRearmRetry);
  if (order.why == Order::Why::release) return;
  // A ban that the kernel does not hold is none; a longer end that it did not take leaves the shorter one
  // standing.
  if (order.why != Order::Why::longer_ban) bans_.remove(order.prefix);
  ++counters_.failed;
  if (events_.done) events_.done(order.prefix, Fate::failed);
}

void IpsetEnforcer::end_of_flight() {
  flight_.clear();
  sent_.clear();
  set_pause();
  if (suspect_[0] || suspect_[1])
    prove({now_, {}});
  else
    send();
}

// The socket's buffer overflowed (ENOBUFS): adding twice is harmless, so whatever was not answered goes
// again.
void IpsetEnforcer::lost_answers() {
  for (const auto& sent : sent_)
    for (std::size_t i = sent.count; !sent.answered && i > 0; --i)
      queue_.push_front(flight_[sent.first + i - 1]);
  flight_.clear();
  sent_.clear();
  send();
}

void IpsetEnforcer::await_changes() {
  changes_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code& error) { on_changes(error); });
}

// Only notes that something happened to our table; tick() looks. Others may change theirs a thousand times a
// second.
void IpsetEnforcer::on_changes(const boost::system::error_code& error) {
  if (error == boost::asio::error::operation_aborted) return;
  for (;;) {
    const auto received = NetlinkSocket::receive(changes_.native_handle(), receive_buffer_, false);
    if (!received) {
      rule_suspect_ = true;  // what was not heard may have been about us
      break;
    }
    if (received->empty()) break;
    ByteView rest = *received;
    while (const auto message = next_message(rest))
      rule_suspect_ = rule_suspect_ || drop_rule::concerns_us(*message);
  }
  await_changes();
}

void IpsetEnforcer::tick(const Now& now) {
  now_ = now.mono;
  looked_since_tick_ = false;
  for (const auto& prefix : bans_.take_due(now.mono).rearm) push(prefix, Order::Why::rearm);
  if (sets_) prove(now);
  send();
}

void IpsetEnforcer::prove(const Now& now) {
  const auto sets = prove_sets(now);
  const auto rule = sets ? prove_rule(now) : sets;
  const bool was_healthy = std::exchange(healthy_, rule.has_value());
  if (rule) {
    if (!was_healthy) notify(Level::info, "enforce.recovered", "the sets and the drop rule are proved again");
    return;
  }
  if (!was_healthy && now.mono < next_failure_notice_) return;
  next_failure_notice_ = now.mono + kNoticeInterval;
  notify(Level::error, "enforce.lost", rule.error().message());
}

Result<> IpsetEnforcer::prove_sets(const Now& now) {
  const bool idle = queue_.empty() && flight_.empty() && !refilling_[0] && !refilling_[1];
  const bool look_closer = idle && now.mono >= next_header_;
  if (look_closer) next_header_ = now.mono + kHeaderInterval;
  for (const auto family : kFamilies) {
    const auto which = static_cast<std::size_t>(family);
    const auto alive = sets_->canary_lives(family);
    if (!alive) return tl::unexpected(alive.error());
    bool right = *alive && !suspect_[which];
    if (right && look_closer) {
      const auto header = sets_->header(family);
      if (!header) return tl::unexpected(header.error());
      right = *header && sets_->fits(**header, family);
    }
    if (right) continue;
    if (!may_repair(now)) return fail("the set {} is not what it should be", set_name(family));
    if (auto done = repair_set(family, now); !done) return done;
  }
  return {};
}

Result<> IpsetEnforcer::repair_set(Family family, const Now& now) {
  const auto which = static_cast<std::size_t>(family);
  auto adopted = sets_->adopt(family, KernelSets::Misfit::is_replaced);
  if (!adopted) return tl::unexpected(adopted.error());
  take_in(*adopted, now);
  suspect_[which] = false;
  refilling_[which] = true;
  refill_[which] = 0;
  rule_suspect_ = true;  // a new set has a new number
  repaired(fmt::format("the set {} was {}; {} {} bans are put back", set_name(family),
                       adopted->created    ? "gone"
                       : adopted->replaced ? "exchanged for another"
                                           : "emptied or exchanged",
                       bans_.size(family == Family::v4), word(family)),
           now);
  return {};
}

Result<> IpsetEnforcer::prove_rule(const Now& now) {
  if (withdrawn_ || !rule_suspect_) return {};
  for (const auto family : kFamilies) {
    const auto wanted = wish(family);
    if (!wanted) return tl::unexpected(wanted.error());
    const auto stands = rule_->stands(*wanted);
    if (!stands) return tl::unexpected(stands.error());
    if (*stands) continue;
    if (!may_repair(now)) return fail("the drop rule for {} is not what it should be", word(family));
    if (auto done = rule_->install(*wanted); !done) return done;
    repaired(fmt::format("the drop rule for {} was removed or changed; it is back", word(family)), now);
  }
  rule_suspect_ = false;
  return {};
}

bool IpsetEnforcer::may_repair(const Now& now) {
  while (!repairs_.empty() && repairs_.front() + kContestWindow <= now.mono) repairs_.pop_front();
  if (repairs_.empty()) back_off_ = seconds{0};
  return now.mono >= no_repair_before_;
}

void IpsetEnforcer::repaired(const std::string& what, const Now& now) {
  ++counters_.repairs;
  notify(Level::warning, "enforce.repaired", what,
         "find out which program changes sets or rules that are not its own");
  repairs_.push_back(now.mono);
  if (repairs_.size() <= kCalmRepairs * std::size(kFamilies)) return;
  back_off_ = std::clamp(back_off_ * 2, seconds{2}, kLongestBackOff);
  no_repair_before_ = now.mono + back_off_;
  notify(Level::error, "enforce.contested",
         fmt::format("sets or rule were repaired {} times within a minute; the next repair waits {} s",
                     repairs_.size(), back_off_.count()),
         "stop the program that removes them: bans do not hold meanwhile");
}

void IpsetEnforcer::withdraw() {
  withdrawn_ = true;
  if (!rule_) return;
  for (const auto family : kFamilies)
    if (auto done = rule_->remove(family); !done)
      notify(Level::error, "enforce.failed", done.error().message());
}

Result<> IpsetEnforcer::reconfigure(const EnforcerOptions& options, const Now& now) {
  now_ = now.mono;
  const EnforcerOptions old = std::exchange(options_, options);
  options_.longest_timeout = old.longest_timeout;
  bans_.set_bound(options.max_bans);
  if (!sets_) return {};
  sets_->set_max_bans(options.max_bans);
  const auto change = [&]() -> Result<> {
    for (const auto family : kFamilies) {
      if (options.max_bans != old.max_bans) {
        const auto adopted = sets_->adopt(family, KernelSets::Misfit::is_replaced);
        if (!adopted) return tl::unexpected(adopted.error());
      }
      const auto wanted = wish(family);
      if (!wanted) return tl::unexpected(wanted.error());
      if (withdrawn_ || options.ports == old.ports) continue;
      if (auto done = rule_->install(*wanted); !done) return done;
    }
    return {};
  };
  auto changed = change();
  if (changed) return changed;
  options_ = old;
  bans_.set_bound(old.max_bans);
  sets_->set_max_bans(old.max_bans);
  rule_suspect_ = true;  // one family may have the new rule already: the next tick puts the old one back
  next_header_ = now.mono;
  return changed;
}

void IpsetEnforcer::notify(Level level, const char* event, std::string text, std::string remedy) const {
  if (events_.notice) events_.notice({level, event, std::move(text), std::move(remedy)});
}

void IpsetEnforcer::notify_full(const Prefix& prefix) {
  if (now_ < next_full_notice_) return;
  next_full_notice_ = now_ + kNoticeInterval;
  notify(
      Level::error, "enforce.full",
      fmt::format(
          "no room for {}: {} {} bans stand already, and none of them is ended early (refused so far: {})",
          prefix.to_string(), bans_.size(prefix.is_v4()), word(ipset::family_of(prefix)), counters_.refused),
      "raise max_bans");
}

}  // namespace

Result<std::unique_ptr<Enforcer>> make_ipset_enforcer(boost::asio::io_context& io,
                                                      const EnforcerOptions& options, EnforcerEvents events) {
  if (options.longest_timeout < seconds{2} || options.longest_timeout > seconds{2147483})
    return fail("the longest timeout of a set is 2 to 2147483 seconds, not {}",
                options.longest_timeout.count());
  return std::make_unique<IpsetEnforcer>(io, options, std::move(events));
}

Result<> remove_drop_rule() {
  return KernelRule::remove_all();
}

Result<> remove_everything() {
  if (auto done = KernelRule::remove_all(); !done) return done;
  return KernelSets::destroy_all();
}

}  // namespace coturn_guard
