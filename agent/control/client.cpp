// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace coturn_guard::control {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
constexpr std::chrono::milliseconds kForEver{-1};

}  // namespace

Result<Client> Client::connect(const std::string& path, std::chrono::milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(ENAMETOOLONG, "connect to {}", path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail(errno, "open a unix socket");
  // Where the daemon's backlog is full, this alone would wait for ever.
  const timeval limit{patience.count() / 1000, patience.count() % 1000 * 1000};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(errno == EAGAIN ? ETIMEDOUT : errno, "connect to {}", path);
  return Client(std::move(socket), patience);
}

Result<> Client::send(std::string_view request) {
  while (!request.empty()) {
    const auto sent = ::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      request.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};
    } else if (errno != EINTR) {
      return fail(errno == EAGAIN ? ETIMEDOUT : errno, "ask the daemon");
    }
  }
  return {};
}

Result<bool> Client::wait(short what, std::chrono::milliseconds patience) const {
  pollfd waiting{socket_.get(), what, 0};
  for (;;) {
    const int ready = ::poll(&waiting, 1, static_cast<int>(patience.count()));
    if (ready >= 0) return ready > 0;
    if (errno != EINTR) return fail(errno, "wait for the daemon");
    if (patience == kForEver) return fail(EINTR, "wait for the daemon");  // a signal is how that ends
  }
}

bool Client::ready(std::chrono::milliseconds within) {
  if (input_.find('\n', taken_) != std::string::npos) return true;
  const auto waited = wait(POLLIN, within);
  return waited && *waited;
}

Result<std::optional<std::string_view>> Client::receive(bool for_ever) {
  std::size_t looked = taken_;
  for (;;) {
    if (const auto end = input_.find('\n', looked); end != std::string::npos) {
      const std::string_view line = std::string_view(input_).substr(taken_, end - taken_);
      taken_ = end + 1;
      return line;
    }
    input_.erase(0, taken_);
    taken_ = 0;
    looked = input_.size();
    const auto waited = wait(POLLIN, for_ever ? kForEver : patience_);
    if (!waited) return tl::unexpected(waited.error());
    if (!*waited) return fail(ETIMEDOUT, "wait for the daemon's answer");
    input_.resize(looked + kReadBytes);
    const auto got = ::recv(socket_.get(), input_.data() + looked, kReadBytes, 0);
    input_.resize(looked + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
    if (got < 0 && errno != EINTR) return fail(errno, "read the daemon's answer");
  }
}

}  // namespace coturn_guard::control
