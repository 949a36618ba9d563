// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/netlink_socket.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include "enforce/ipset_codec.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kReceiveBytes =
    std::size_t{128} * 1024;  // a list comes in pieces as large as the reader's buffer, up to 32 KiB
constexpr int kKernelBufferBytes = 8 * 1024 * 1024;
constexpr timeval kPatience{5, 0};  // against a kernel that never ends a list: the loop must not hang

}  // namespace

Result<NetlinkSocket> NetlinkSocket::create(int group) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return fail(errno, "open a netlink socket to netfilter");
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0)
    return fail(errno, "bind a netlink socket");
  if (group != 0 && ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    return fail(errno, "listen to netfilter's netlink group {}", group);
  // Best effort: with small buffers everything still works, in smaller steps or after one more look.
  const int bytes = kKernelBufferBytes;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);  // do not send my request back to me
  return NetlinkSocket(std::move(fd));
}

Result<> NetlinkSocket::send(ByteView request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(fd_.get(), request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                  sizeof kernel) < 0)
    if (errno != EINTR) return fail(errno, "send to netfilter");
  return {};
}

Result<ByteView> NetlinkSocket::receive(int fd, Bytes& buffer, bool wait) {
  if (buffer.size() < kReceiveBytes) buffer.resize(kReceiveBytes);
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const auto got = ::recvfrom(fd, buffer.data(), buffer.size(), wait ? 0 : MSG_DONTWAIT,
                                reinterpret_cast<sockaddr*>(&sender), &length);
    if (got >= 0 && sender.nl_pid != 0)
      continue;  // another process may write to this socket; only the kernel counts
    if (got >= 0) return ByteView(buffer.data(), static_cast<std::size_t>(got));
    if (errno == EINTR) continue;
    if (!wait && (errno == EAGAIN || errno == EWOULDBLOCK)) return ByteView{};
    return fail(errno == EAGAIN ? ETIMEDOUT : errno, "receive from netfilter");
  }
}

// Answers that nobody is to take for his own.
void NetlinkSocket::drain() {
  for (auto more = receive(fd_.get(), buffer_, false); more && !more->empty();)
    more = receive(fd_.get(), buffer_, false);
  behind_ = false;
}

Result<> NetlinkSocket::ask(ByteView request, const std::function<void(const Message&)>& take) {
  if (behind_) drain();
  if (auto sent = send(request); !sent) return sent;
  const std::uint32_t last = sequence_;
  for (;;) {
    const auto received = receive(fd_.get(), buffer_, true);
    if (!received) {
      behind_ = true;
      return tl::unexpected(received.error());
    }
    ByteView rest = *received;
    while (const auto message = next_message(rest)) {
      const auto acknowledgement = decode_acknowledgement(*message);
      if (!acknowledgement) {
        if (take) take(*message);
        continue;
      }
      if (acknowledgement->error != 0) {
        drain();  // the answers to what follows in the same request
        return tl::unexpected(Error{ipset::make_error(acknowledgement->error), "netfilter"});
      }
      if (message->sequence == last) return {};
    }
  }
}

}  // namespace coturn_guard
