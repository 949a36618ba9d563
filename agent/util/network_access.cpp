// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/network_access.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

constexpr const char* kDropIn =
    "the service unit forbids the network; allow it with: install -D -m 0644 "
    "/usr/share/coturn-guard/dropins/network.conf "
    "/etc/systemd/system/coturn-guard.service.d/network.conf, then systemctl daemon-reload and systemctl "
    "restart "
    "coturn-guard";

}  // namespace

std::optional<std::string> network_refused() {
  // RestrictAddressFamilies: EAFNOSUPPORT, as from a kernel without IPv4 (systemd.exec(5)).
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno == EAFNOSUPPORT ? std::optional<std::string>(kDropIn) : std::nullopt;
  sockaddr_in self{};
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof self;
  auto* const address = reinterpret_cast<sockaddr*>(&self);
  if (::bind(socket.get(), address, size) != 0 || ::getsockname(socket.get(), address, &size) != 0)
    return std::nullopt;
  // IPAddressDeny: the unit's packets are dropped with EPERM (systemd.resource-control(5)).
  if (::sendto(socket.get(), "", 1, 0, address, size) < 0 && errno == EPERM) return kDropIn;
  return std::nullopt;
}

}  // namespace coturn_guard
