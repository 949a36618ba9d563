// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/ipset_backing.hpp"

namespace coturn_guard {

Result<> IpsetBacking::open() {
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

std::string IpsetBacking::set_name(Family family) const {
  return coturn_guard::set_name(family);
}

Result<bool> IpsetBacking::set_stands(Family family, bool closer) {
  auto alive = sets_->canary_lives(family);
  if (!alive || !*alive || !closer) return alive;
  const auto header = sets_->header(family);
  if (!header) return tl::unexpected(header.error());
  return *header && sets_->fits(**header, family);
}

Result<drop_rule::Wish> IpsetBacking::wish(Family family) {
  const auto index = sets_->index(family);
  if (!index) return tl::unexpected(index.error());
  return drop_rule::Wish{family, *index, ports_};
}

Result<bool> IpsetBacking::rule_stands(Family family) {
  const auto wanted = wish(family);
  if (!wanted) return tl::unexpected(wanted.error());
  return rule_->stands(*wanted);
}

Result<> IpsetBacking::install_rule(Family family) {
  const auto wanted = wish(family);
  if (!wanted) return tl::unexpected(wanted.error());
  return rule_->install(*wanted);
}

void IpsetBacking::set_options(const EnforcerOptions& options) {
  max_bans_ = options.max_bans;
  ports_ = options.ports;
  if (sets_) sets_->set_max_bans(max_bans_);
}

void IpsetBacking::await_changes() {
  changes_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this, alive = lifetime_.watch()](const boost::system::error_code& error) {
                        if (!alive.expired()) on_changes(error);
                      });
}

// Only notes that something happened to our table; the proof looks. Others may change theirs a thousand times
// a second.
void IpsetBacking::on_changes(const boost::system::error_code& error) {
  if (error == boost::asio::error::operation_aborted) return;
  for (;;) {
    const auto received = NetlinkSocket::receive(changes_.native_handle(), receive_buffer_, false);
    if (!received) {
      disturbed_ = true;  // what was not heard may have been about us
      break;
    }
    if (received->empty()) break;
    ByteView rest = *received;
    while (const auto message = next_message(rest))
      disturbed_ = disturbed_ || drop_rule::concerns_us(*message);
  }
  await_changes();
}

}  // namespace coturn_guard
