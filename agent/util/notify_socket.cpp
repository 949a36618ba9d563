// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/notify_socket.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace coturn_guard {

NotifySocket::NotifySocket(std::string_view address) {
  const bool abstract = address.starts_with('@');
  if ((!abstract && !address.starts_with('/')) || address.size() < 2) return;
  // A path ends with a NUL, an abstract name with the address.
  if (address.size() + (abstract ? 0 : 1) > sizeof address_.sun_path) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, address.data(), address.size());
  if (abstract) address_.sun_path[0] = '\0';
  length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size() + (abstract ? 0 : 1));
}

NotifySocket NotifySocket::of_environment() {
  const char* const address = std::getenv("NOTIFY_SOCKET");
  return NotifySocket(address != nullptr ? address : "");
}

NotifySocket::Sent NotifySocket::send(std::string_view message) {
  if (!usable()) return Sent::nowhere;
  if (!fd_) fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) return Sent::full;
  // Not connected: a manager that was started anew is found again under the same name.
  for (int tries = 0; tries < 3; ++tries) {
    if (::sendto(fd_.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address_), length_) >= 0)
      return Sent::taken;
    if (errno != EINTR) break;
  }
  return Sent::full;
}

}  // namespace coturn_guard
