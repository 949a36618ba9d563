// SPDX-License-Identifier: GPL-3.0-or-later
// A NETLINK_SOCK_DIAG socket, and a list of TCP sockets asked for through one in steps that never block the
// loop: the kernel makes the next piece of a list (up to 32 KiB) inside each recvmsg(2)
// (net/netlink/af_netlink.c: netlink_recvmsg()), so a step costs what a piece costs. What the sockets mean is
// the witness's business.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "source/sock_diag_codec.hpp"
#include "util/lifetime.hpp"
#include "util/result.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {

// Non-blocking. `groups`: bits of sockaddr_nl.nl_groups; `receive_bytes`: how much may wait in it, as far as
// the kernel allows. Error: which step the kernel refused.
[[nodiscard]] Result<UniqueFd> open_sock_diag(std::uint32_t groups, int receive_bytes);

// What the kernel sent next; empty where nothing waits. ENOBUFS: messages were dropped.
[[nodiscard]] Result<std::string_view> receive_from_kernel(int fd, std::span<char> buffer);

// One socket at a time, answered at once: the kernel looks it up by its ends within send(2), and the answer
// waits when that returns. No list, no waiting.
class DiagQuestion {
 public:
  // nullopt: there is no such connection (somebody may listen there). An error: the kernel did not answer.
  [[nodiscard]] Result<std::optional<sock_diag::Socket>> ask(const Endpoint& local, const Endpoint& remote,
                                                             std::uint32_t interface);

 private:
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
  std::vector<char> buffer_;
  std::vector<sock_diag::Socket> found_;
};

class DiagList {
 public:
  using Sockets = std::function<void(const std::vector<sock_diag::Socket>&)>;
  // `error`: an errno, 0 when the list is whole.
  using Done = std::function<void(int error)>;

  explicit DiagList(boost::asio::io_context& io);
  // Both stay until another begins. One list at a time: what an earlier one still had to tell is dropped.
  void begin(sock_diag::Family family, std::uint32_t states, bool counters, Sockets sockets, Done done);
  [[nodiscard]] bool busy() const { return busy_; }
  // Messages that could not be read, since the last call.
  [[nodiscard]] std::uint64_t take_malformed() { return std::exchange(malformed_, 0); }
  void stop();

 private:
  void wait();
  void step();
  void end(int error);

  boost::asio::posix::stream_descriptor descriptor_;
  Lifetime lifetime_;
  Sockets sockets_;
  Done done_;
  std::vector<char> buffer_;
  std::vector<sock_diag::Socket> batch_;
  std::uint32_t sequence_ = 0;
  std::uint64_t malformed_ = 0;
  bool busy_ = false;
  bool whole_ = true;
};

}  // namespace coturn_guard
