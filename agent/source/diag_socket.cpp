// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/diag_socket.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

namespace coturn_guard {
namespace {

constexpr std::size_t kPieceBytes = 32'768;
constexpr int kListReceiveBytes = 256 * 1024;
constexpr int kPiecesPerTurn = 2;
constexpr std::size_t kAnswerBytes = 4096;  // one socket's has some 400
constexpr int kAnswerReceiveBytes = 64 * 1024;
constexpr int kMostAnswers = 16;

}  // namespace

Result<UniqueFd> open_sock_diag(std::uint32_t groups, int receive_bytes) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  if (!fd) return fail(errno, "socket(AF_NETLINK, NETLINK_SOCK_DIAG)");
  // Without CAP_NET_ADMIN the kernel's own limit (net.core.rmem_max) has to do.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  self.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) {
    if (groups != 0)
      return fail(errno,
                  "listen to the kernel's word about ended connections (NETLINK_SOCK_DIAG; needs "
                  "CAP_NET_ADMIN and the kernel's inet_diag)");
    return fail(errno, "bind a NETLINK_SOCK_DIAG socket");
  }
  return fd;
}

Result<std::string_view> receive_from_kernel(int fd, std::span<char> buffer) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const auto got = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_DONTWAIT,
                                reinterpret_cast<sockaddr*>(&sender), &length);
    if (got > 0 && sender.nl_pid == 0) return std::string_view(buffer.data(), static_cast<std::size_t>(got));
    if (got >= 0 || errno == EINTR) continue;  // another process may write to this socket, too
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::string_view();
    return fail(errno, "receive from NETLINK_SOCK_DIAG");
  }
}

Result<std::optional<sock_diag::Socket>> DiagQuestion::ask(const Endpoint& local, const Endpoint& remote,
                                                           std::uint32_t interface) {
  if (!fd_) {
    auto opened = open_sock_diag(0, kAnswerReceiveBytes);
    if (!opened) return tl::unexpected(opened.error());
    fd_ = std::move(*opened);
    buffer_.resize(kAnswerBytes);
  }
  if (++sequence_ == 0) ++sequence_;
  const std::string request = sock_diag::one_request(local, remote, interface, sequence_);
  if (::send(fd_.get(), request.data(), request.size(), MSG_DONTWAIT) < 0)
    return fail(errno, "ask for a connection (NETLINK_SOCK_DIAG)");
  // An answer to an earlier question may lie before ours.
  for (int look = 0; look < kMostAnswers; ++look) {
    const auto received = receive_from_kernel(fd_.get(), buffer_);
    if (!received) return tl::unexpected(received.error());
    if (received->empty()) break;
    found_.clear();
    const auto answer = sock_diag::take_answer(*received, sequence_, found_);
    if (answer.progress == sock_diag::Progress::refused) {
      if (answer.error == ENOENT) return std::nullopt;
      return fail(answer.error, "ask for a connection (NETLINK_SOCK_DIAG)");
    }
    if (found_.empty()) continue;
    const auto& socket = found_.front();
    return socket.local == local && socket.remote == remote ? std::optional(socket) : std::nullopt;
  }
  return fail(EPROTO, "ask for a connection (NETLINK_SOCK_DIAG)");
}

DiagList::DiagList(boost::asio::io_context& io) : descriptor_(io) {}

void DiagList::stop() {
  boost::system::error_code ignored;
  descriptor_.close(ignored);
  busy_ = false;
}

void DiagList::begin(sock_diag::Family family, std::uint32_t states, bool counters, Sockets sockets,
                     Done done) {
  if (busy_) stop();  // the kernel works on one list per socket (EBUSY)
  sockets_ = std::move(sockets);
  done_ = std::move(done);
  busy_ = whole_ = true;
  if (!descriptor_.is_open()) {
    auto opened = open_sock_diag(0, kListReceiveBytes);
    if (!opened) return end(opened.error().code.value());
    descriptor_.assign(opened->release());
  }
  if (++sequence_ == 0) ++sequence_;
  const std::string request = sock_diag::list_request(family, states, counters, sequence_);
  if (::send(descriptor_.native_handle(), request.data(), request.size(), 0) < 0) return end(errno);
  wait();
}

void DiagList::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this, alive = lifetime_.watch(), waited_for = sequence_](const auto& error) {
                           if (error == boost::asio::error::operation_aborted || alive.expired()) return;
                           if (busy_ && waited_for == sequence_) step();
                         });
}

void DiagList::step() {
  buffer_.resize(kPieceBytes);
  for (int piece = 0; piece < kPiecesPerTurn; ++piece) {
    const auto received = receive_from_kernel(descriptor_.native_handle(), buffer_);
    if (!received) return end(received.error().code.value());
    if (received->empty()) break;
    batch_.clear();
    const auto answer = sock_diag::take_answer(*received, sequence_, batch_);
    malformed_ += answer.malformed;
    if (answer.malformed != 0 || answer.progress == sock_diag::Progress::interrupted) whole_ = false;
    if (!batch_.empty()) sockets_(batch_);
    if (answer.progress == sock_diag::Progress::refused)
      return end(answer.error != 0 ? answer.error : EPROTO);
    if (answer.progress == sock_diag::Progress::done) return end(whole_ ? 0 : EINTR);
  }
  wait();
}

// From here on `done_` may begin the next list.
void DiagList::end(int error) {
  busy_ = false;
  if (error != 0) stop();
  const Done done = std::move(done_);
  done(error);
}

}  // namespace coturn_guard
