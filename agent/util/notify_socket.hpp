// SPDX-License-Identifier: GPL-3.0-or-later
// The service manager's socket (NOTIFY_SOCKET, sd_notify(3)), written to without ever waiting: libsystemd's
// sd_notify() blocks once the queue of who should read is full (net.unix.max_dgram_qlen, often 10), and we
// have one thread. What a message means, and what is sent again, is for who sends (service).
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "util/unique_fd.hpp"

namespace coturn_guard {

class NotifySocket {
 public:
  enum class Sent : unsigned char {
    taken,
    full,    // nobody reads just now, or nobody is there just now: it may be taken later
    nowhere  // there is no service manager, or its address is none that we can reach
  };

  // `address`: "/a/path", or "@name" for an abstract one. Others, and what is too long for a socket's
  // address, count as none.
  explicit NotifySocket(std::string_view address);
  // That of the environment.
  [[nodiscard]] static NotifySocket of_environment();

  [[nodiscard]] bool usable() const { return length_ != 0; }
  [[nodiscard]] Sent send(std::string_view message);

 private:
  UniqueFd fd_;
  sockaddr_un address_{};
  socklen_t length_ = 0;
};

}  // namespace coturn_guard
