// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/gate.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "source/clocks.hpp"
#include "source/gate_messages.hpp"
#include "util/lifetime.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kBatch = 64;           // messages in one recvmmsg(2), a packet each
constexpr unsigned kBatchesPerTurn = 8;      // then the loop's others come: less than a millisecond
constexpr std::size_t kMessageBytes = 1024;  // 640 of the packet, and what the kernel tells about it
constexpr int kReceiveBytes = 16 * 1024 * 1024;
constexpr int kLooksForAnswer = 64;

std::string in_words(int error, std::uint16_t queue, bool may_configure) {
  switch (error) {
    case EPERM:
      if (may_configure) break;
      return "bind netfilter queue " + std::to_string(queue) +
             " (this needs the capability CAP_NET_ADMIN: run as root, or keep the line "
             "\"AmbientCapabilities=CAP_NET_ADMIN\" in coturn-guard.service)";
    case EBUSY: break;
    case EINVAL:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
      return "bind netfilter queue " + std::to_string(queue) +
             " (the kernel lacks the module nfnetlink_queue: try \"modprobe nfnetlink_queue\"; a kernel of "
             "your own "
             "needs CONFIG_NETFILTER_NETLINK_QUEUE)";
    default: return "bind netfilter queue " + std::to_string(queue);
  }
  return "bind netfilter queue " + std::to_string(queue) +
         " (another program has it, see /proc/net/netfilter/nfnetlink_queue: set gate_queue to a free "
         "number)";
}

}  // namespace

class Gate::Impl {
 public:
  Impl(boost::asio::io_context& io, std::uint16_t queue, GateEvents events)
      : socket_(io), queue_(queue), events_(std::move(events)), buffers_(kBatch) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces_[i] = {buffers_[i].bytes.data(), buffers_[i].bytes.size()};
      headers_[i] = {};
      headers_[i].msg_hdr.msg_iov = &pieces_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
      headers_[i].msg_hdr.msg_name = &senders_[i];
    }
  }

  Result<> start();
  [[nodiscard]] const GateCounters& counters() const { return counters_; }

 private:
  struct Buffer {
    alignas(nlmsghdr) std::array<char, kMessageBytes> bytes;
  };

  [[nodiscard]] int ask(const std::vector<char>& request);
  void wait();
  void take_turn();
  bool take_batch();
  void send(const std::vector<char>& verdicts);

  boost::asio::posix::stream_descriptor socket_;
  Lifetime lifetime_;
  std::uint16_t queue_;
  GateEvents events_;
  GateCounters counters_;
  std::vector<Buffer> buffers_;
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> headers_{};
  std::array<sockaddr_nl, kBatch> senders_{};
  std::vector<char> verdicts_;
};

Result<> Gate::Impl::start() {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  if (!fd) return fail(errno, "open a netlink socket to netfilter");
  sockaddr_nl self{};
  self.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&self), sizeof self) != 0)
    return fail(errno, "bind a netlink socket");
  // As large as it may be: with a smaller one more passes uninspected, nothing else.
  const int bytes = kReceiveBytes;
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  socket_.assign(fd.release());
  std::vector<char> request;
  nfqueue::put_bind(request, queue_, kCopyBytes, kQueueLength);
  const int refused = ask(request);
  if (refused != 0) {
    request.clear();
    nfqueue::put_harmless(request);
    // The kernel says "not permitted" also of a queue that is somebody else's.
    const bool may_configure = refused == EPERM && ask(request) == 0;
    socket_.close();
    return fail(refused, "{}", in_words(refused, queue_, may_configure));
  }
  wait();
  return {};
}

// The kernel answers within sendto(2). A packet that comes even before the answer passes.
int Gate::Impl::ask(const std::vector<char>& request) {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(socket_.native_handle(), request.data(), request.size(), 0,
               reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
    return errno;
  verdicts_.clear();
  nfqueue::Verdicts early(verdicts_, queue_);
  int refused = ETIMEDOUT;
  for (int look = 0; look < kLooksForAnswer; ++look) {
    const auto got = ::recv(socket_.native_handle(), buffers_[0].bytes.data(), buffers_[0].bytes.size(), 0);
    if (got < 0) break;
    const auto taken = nfqueue::take_messages(
        {buffers_[0].bytes.data(), static_cast<std::size_t>(got)},
        [&](const nfqueue::QueuedPacket& queued) { early.add(queued.id, PacketFate::accept); });
    if (taken.acknowledged) refused = 0;
    if (taken.refused != 0) refused = taken.refused;
    if (taken.acknowledged || taken.refused != 0) break;
  }
  early.finish();
  send(verdicts_);
  return refused;
}

void Gate::Impl::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this, alive = lifetime_.watch()](const auto& error) {
                       if (error == boost::asio::error::operation_aborted || alive.expired()) return;
                       take_turn();
                       wait();
                     });
}

void Gate::Impl::take_turn() {
  for (unsigned batch = 0; batch < kBatchesPerTurn; ++batch)
    if (!take_batch()) return;
}

// False: nothing more waits.
bool Gate::Impl::take_batch() {
  for (auto& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
  const int got = ::recvmmsg(socket_.native_handle(), headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (got < 0) {
    // ENOBUFS: what did not fit was let through (fail-open), and is told once.
    if (errno == ENOBUFS) ++counters_.overflows;
    return errno == ENOBUFS || errno == EINTR;
  }
  const Now now = read_clocks();
  verdicts_.clear();
  nfqueue::Verdicts verdicts(verdicts_, queue_);
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    if (senders_[i].nl_pid != 0)
      continue;  // another process may write to this socket; only the kernel counts
    const auto taken = nfqueue::take_messages({buffers_[i].bytes.data(), headers_[i].msg_len},
                                              [&](const nfqueue::QueuedPacket& queued) {
                                                const PacketFate fate = events_.packet(queued.packet, now);
                                                ++counters_.packets;
                                                if (fate == PacketFate::drop) ++counters_.dropped;
                                                verdicts.add(queued.id, fate);
                                              });
    counters_.malformed += taken.malformed;
    counters_.refused += taken.refusals;
  }
  verdicts.finish();
  send(verdicts_);
  events_.batch_end(now);
  return static_cast<std::size_t>(got) == kBatch;
}

void Gate::Impl::send(const std::vector<char>& verdicts) {
  if (verdicts.empty()) return;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(socket_.native_handle(), verdicts.data(), verdicts.size(), 0,
                  reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) {
    if (errno == EINTR) continue;
    ++counters_.refused;
    return;
  }
}

Gate::Gate(boost::asio::io_context& io, std::uint16_t queue, GateEvents events)
    : impl_(std::make_unique<Impl>(io, queue, std::move(events))) {}
Gate::~Gate() = default;
Result<> Gate::start() {
  return impl_->start();
}
const GateCounters& Gate::counters() const {
  return impl_->counters();
}

}  // namespace coturn_guard
