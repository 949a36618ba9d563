// SPDX-License-Identifier: GPL-3.0-or-later
// A service manager for tests: the socket that NOTIFY_SOCKET names, read only when a test wants it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include "util/notify_socket.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard::test {

class Notified {
 public:
  // "/a/path" or "@name", of at most 107 and 108 bytes.
  explicit Notified(std::string name) : name_(std::move(name)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    const bool abstract = name_.front() == '@';
    if (abstract) address.sun_path[0] = '\0';
    const auto length = offsetof(sockaddr_un, sun_path) + name_.size() + (abstract ? 0 : 1);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length)) != 0)
      throw std::runtime_error("bind " + name_);
  }
  ~Notified() {
    if (name_.front() == '/') ::unlink(name_.c_str());
  }
  Notified(const Notified&) = delete;
  Notified& operator=(const Notified&) = delete;

  // The oldest message; empty where there is none.
  [[nodiscard]] std::string read() const {
    std::string message(4096, '\0');
    const auto got = ::recv(fd_.get(), message.data(), message.size(), MSG_DONTWAIT);
    message.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return message;
  }
  [[nodiscard]] std::string read_last() const {
    std::string last;
    for (std::string next = read(); !next.empty(); next = read()) last = next;
    return last;
  }

 private:
  std::string name_;
  UniqueFd fd_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

// "STATUS=0", "STATUS=1" … until nothing more is taken: how many were.
inline int fill(NotifySocket& socket) {
  int taken = 0;
  while (taken < 100'000 && socket.send("STATUS=" + std::to_string(taken)) == NotifySocket::Sent::taken)
    ++taken;
  return taken;
}

}  // namespace coturn_guard::test
