// SPDX-License-Identifier: GPL-3.0-or-later
// What this host is and needs, asked of the kernel by rtnetlink (rtnetlink(7)) and kept up to date by its
// notifications: own addresses, gateways of default routes in all tables, resolvers of resolv.conf, loopback.
// Needs an AF_NETLINK socket and no capability. It resolves no names and decides nothing; what must not be
// banned is the judge's business.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.hpp"
#include "model/own_network.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// The addresses of `nameserver` lines (resolv.conf(5)); zones ("fe80::1%eth0") are cut, anything else is
// skipped.
[[nodiscard]] std::vector<OwnNetwork> parse_resolvers(std::string_view resolv_conf);

class HostAddresses {
 public:
  // Called with the whole list whenever it differs from the one before.
  using Changed = std::function<void(const std::vector<OwnNetwork>&)>;

  HostAddresses(boost::asio::io_context& io, Changed changed, std::string resolv_conf = "/etc/resolv.conf");
  ~HostAddresses();
  HostAddresses(const HostAddresses&) = delete;
  HostAddresses& operator=(const HostAddresses&) = delete;

  // Asks for everything and waits for the answer, a millisecond: nobody may be judged before it is known.
  // Calls `changed` before it returns, then follows what the kernel tells.
  [[nodiscard]] Result<> start();
  // Once a second: asks again if something changed, if the last answer failed, or if resolv.conf was written.
  void tick(const Now& now);
  [[nodiscard]] bool healthy() const;  // the last answer was complete

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coturn_guard
