// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/proof.hpp"

#include <utility>

namespace coturn_guard {
namespace {

using ipset::Family;

constexpr Family kFamilies[] = {Family::v4, Family::v6};
constexpr std::chrono::seconds kHeaderInterval{30};

}  // namespace

Proof::Proof(boost::asio::io_context& io, const EnforcerOptions& options, const BanTable& bans,
             OrderQueue& queue, Events events)
    : max_bans_(options.max_bans),
      ports_(options.ports),
      bans_(bans),
      queue_(queue),
      events_(std::move(events)),
      changes_(io) {}

Result<> Proof::open() {
  auto sets = KernelSets::create(max_bans_);
  if (!sets) return tl::unexpected(sets.error());
  auto rule = KernelRule::create();
  if (!rule) return tl::unexpected(rule.error());
  auto changes = NetlinkSocket::create(NFNLGRP_NFTABLES);
  if (!changes) return tl::unexpected(changes.error());
  sets_ = std::move(*sets);
  rule_ = std::move(*rule);
  changes_.assign(changes->release());
  await_changes();
  return {};
}

Result<> Proof::start(Time now) {
  for (const auto family : kFamilies) {
    const auto adopted = sets_->adopt(family, KernelSets::Misfit::is_an_error);
    if (!adopted) return tl::unexpected(adopted.error());
    events_.found(family, *adopted);
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
  next_header_ = now + kHeaderInterval;
  return {};
}

Result<drop_rule::Wish> Proof::wish(Family family) {
  const auto index = sets_->index(family);
  if (!index) return tl::unexpected(index.error());
  return drop_rule::Wish{family, *index, ports_};
}

void Proof::await_changes() {
  changes_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](const boost::system::error_code& error) { on_changes(error); });
}

// Only notes that something happened to our table; prove() looks. Others may change theirs a thousand times a
// second.
void Proof::on_changes(const boost::system::error_code& error) {
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

Result<> Proof::prove(Time now) {
  const bool look_closer = queue_.idle() && now >= next_header_;
  if (look_closer) next_header_ = now + kHeaderInterval;
  Result<> all;
  for (const auto family : kFamilies) {
    auto done = prove_set(family, look_closer, now);
    // No rule for a set that is not ours: it would drop whomever somebody else put there.
    if (done) done = prove_rule(family, now);
    if (!done && all) all = std::move(done);
  }
  if (all && !withdrawn_) rule_suspect_ = false;
  return all;
}

Result<bool> Proof::set_is_right(Family family, bool look_closer) {
  auto alive = sets_->canary_lives(family);
  if (!alive || !*alive || !look_closer) return alive;
  const auto header = sets_->header(family);
  if (!header) return tl::unexpected(header.error());
  return *header && sets_->fits(**header, family);
}

Result<> Proof::prove_set(Family family, bool look_closer, Time now) {
  const auto right = set_is_right(family, look_closer);
  if (right && *right && queue_.open(family)) return {};
  Result<> done;
  if (!right)
    done = tl::unexpected(right.error());
  else if (!limit_.allows(now))
    done = fail("the set {} is not what it should be", set_name(family));
  else
    done = repair_set(family, now);
  // Where the kernel could not be asked, a set that nothing speaks against keeps its orders.
  if (!done && (right || !queue_.open(family))) queue_.close(family);
  return done;
}

Result<> Proof::repair_set(Family family, Time now) {
  const auto adopted = sets_->adopt(family, KernelSets::Misfit::is_replaced);
  if (!adopted) return tl::unexpected(adopted.error());
  events_.found(family, *adopted);
  queue_.refill(family);
  rule_suspect_ = true;  // a new set has a new number
  repaired(fmt::format("the set {} was {}; {} {} bans are put back", set_name(family),
                       adopted->created    ? "gone"
                       : adopted->replaced ? "exchanged for another"
                                           : "emptied or exchanged",
                       bans_.size(family == Family::v4), family_word(family)),
           now);
  return {};
}

Result<> Proof::prove_rule(Family family, Time now) {
  if (withdrawn_ || !rule_suspect_) return {};
  const auto wanted = wish(family);
  if (!wanted) return tl::unexpected(wanted.error());
  const auto stands = rule_->stands(*wanted);
  if (!stands) return tl::unexpected(stands.error());
  if (*stands) return {};
  if (!limit_.allows(now)) return fail("the drop rule for {} is not what it should be", family_word(family));
  if (auto done = rule_->install(*wanted); !done) return done;
  repaired(fmt::format("the drop rule for {} was removed or changed; it is back", family_word(family)), now);
  return {};
}

void Proof::repaired(const std::string& what, Time now) {
  events_.repaired(what);
  if (const auto wait = limit_.count(now)) events_.contested(limit_.lately(), *wait);
}

Result<> Proof::withdraw() {
  withdrawn_ = true;
  if (!is_open()) return {};
  Result<> all;
  for (const auto family : kFamilies)
    if (auto done = rule_->remove(family); !done) all = done;
  return all;
}

Result<> Proof::change(const EnforcerOptions& options, Time now) {
  const EnforcerOptions old{.max_bans = std::exchange(max_bans_, options.max_bans),
                            .ports = std::exchange(ports_, options.ports)};
  if (!is_open()) return {};
  sets_->set_max_bans(max_bans_);
  auto changed = change_kernel(old);
  if (changed) return changed;
  max_bans_ = old.max_bans;
  ports_ = old.ports;
  sets_->set_max_bans(max_bans_);
  rule_suspect_ = true;  // one family may have the new rule already
  next_header_ = now;    // or the new size
  return changed;
}

Result<> Proof::change_kernel(const EnforcerOptions& old) {
  for (const auto family : kFamilies) {
    if (!queue_.open(family)) {  // its repair will make both as they should be now
      rule_suspect_ = true;
      continue;
    }
    if (max_bans_ != old.max_bans) {
      const auto adopted = sets_->adopt(family, KernelSets::Misfit::is_replaced);
      if (!adopted) return tl::unexpected(adopted.error());
    }
    const auto wanted = wish(family);
    if (!wanted) return tl::unexpected(wanted.error());
    if (withdrawn_ || ports_ == old.ports) continue;
    if (auto done = rule_->install(*wanted); !done) return done;
  }
  return {};
}

}  // namespace coturn_guard
