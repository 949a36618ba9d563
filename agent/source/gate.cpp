// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/gate.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "source/clocks.hpp"
#include "source/diag_socket.hpp"
#include "source/gate_messages.hpp"
#include "source/segment_asker.hpp"
#include "util/lifetime.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kBatch = 64;           // messages in one recvmmsg(2), a packet each
constexpr unsigned kBatchesPerTurn = 8;      // then the loop's others come: less than a millisecond
constexpr std::size_t kMessageBytes = 2048;  // of the packet, and what the kernel tells about it
static_assert(kMessageBytes >= Gate::kCopyBytes + 200);
constexpr int kReceiveBytes = 16 * 1024 * 1024;
constexpr int kLooksForAnswer = 64;
constexpr int kEndsReceiveBytes = 512 * 1024;
constexpr std::size_t kEndBytes = 4096;
constexpr int kMostEnds = 2048;  // read at once, more than the buffer holds

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
      : socket_(io),
        again_(io),
        queue_(queue),
        events_(std::move(events)),
        buffers_(kBatch),
        asker_(
            [this](const TcpFlow& flow, std::uint32_t interface) {
              return question_.ask(flow.local, flow.remote, interface);
            },
            [this](const Packet& packet, const SegmentProof& proof) { events_.taken(packet, proof, now_); }) {
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
  using Verdicts = nfqueue::Verdicts;
  struct Buffer {
    alignas(nlmsghdr) std::array<char, kMessageBytes> bytes;
  };

  [[nodiscard]] int ask(const std::vector<char>& request);
  void wait();
  void take_turn();
  bool take_batch();
  void take_packet(const nfqueue::QueuedPacket& queued, Verdicts& verdicts);
  void ask_again_later();
  void ask_again();
  void read_ends();
  void send_so_far(Verdicts& verdicts);
  void send(const std::vector<char>& verdicts);

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer again_;
  Lifetime lifetime_;
  std::uint16_t queue_;
  GateEvents events_;
  GateCounters counters_;
  std::vector<Buffer> buffers_;
  std::array<iovec, kBatch> pieces_{};
  std::array<mmsghdr, kBatch> headers_{};
  std::array<sockaddr_nl, kBatch> senders_{};
  std::vector<char> verdicts_;
  UniqueFd ends_;  // the kernel's word about each TCP socket that ended
  std::vector<char> end_bytes_;
  std::vector<sock_diag::Socket> ended_;
  DiagQuestion question_;
  SegmentAsker asker_;
  Now now_;
  bool asking_again_ = false;
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
  // Where it is not to be had, a segment whose socket is gone at once charges nobody.
  if (auto opened = open_sock_diag(sock_diag::kTcpEnds, kEndsReceiveBytes)) ends_ = std::move(*opened);
  end_bytes_.resize(kEndBytes);
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
  asker_.behind();  // so much waits that the kernel may let pass what we wait for
}

// False: nothing more waits.
bool Gate::Impl::take_batch() {
  for (auto& header : headers_) header.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
  const int got = ::recvmmsg(socket_.native_handle(), headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (got < 0) {
    // ENOBUFS: what did not fit was let through (fail-open), and is told once.
    if (errno == ENOBUFS) {
      ++counters_.overflows;
      asker_.behind();
    }
    return errno == ENOBUFS || errno == EINTR;
  }
  now_ = read_clocks();
  verdicts_.clear();
  Verdicts verdicts(verdicts_, queue_);
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    if (senders_[i].nl_pid != 0)
      continue;  // another process may write to this socket; only the kernel counts
    const auto taken =
        nfqueue::take_messages({buffers_[i].bytes.data(), headers_[i].msg_len},
                               [&](const nfqueue::QueuedPacket& queued) { take_packet(queued, verdicts); });
    counters_.malformed += taken.malformed;
    counters_.refused += taken.refusals;
  }
  send_so_far(verdicts);
  events_.batch_end(now_);
  ask_again_later();
  return static_cast<std::size_t>(got) == kBatch;
}

// A segment about which the kernel is asked goes on alone and at once: sendto(2) returns when its socket has
// it.
void Gate::Impl::take_packet(const nfqueue::QueuedPacket& queued, Verdicts& verdicts) {
  const PacketDecision decision = events_.packet(queued.packet, now_);
  ++counters_.packets;
  if (decision.fate == PacketFate::drop) ++counters_.dropped;
  if (decision.why == PacketDecision::Why::forging) ++counters_.forging;
  if (decision.why == PacketDecision::Why::cut_short) ++counters_.cut_short;
  const bool asked = decision.asked.has_value();
  if (asked) {
    send_so_far(verdicts);  // of the same connection, perhaps
    read_ends();            // so that there is room for what ends next
  }
  const bool to_be_asked = asked && asker_.goes_on(*decision.asked, queued.interface);
  if (to_be_asked && asker_.begins() && !decision.asked->shortened.empty()) {
    asker_.shorten();
    verdicts.accept_as(queued.id, decision.asked->shortened);
  } else {
    verdicts.add(queued.id, decision.fate);
  }
  if (!to_be_asked) return;
  send_so_far(verdicts);
  asker_.went_on(queued.packet, now_.mono);
}

void Gate::Impl::ask_again_later() {
  const auto& asked = asker_.counters();
  counters_.proven = asked.proven;
  counters_.unproven = asked.unproven;
  counters_.unasked = asked.unasked;
  if (!asker_.waits() || std::exchange(asking_again_, true)) return;
  again_.expires_after(SegmentAsker::kAgain);
  again_.async_wait([this, alive = lifetime_.watch()](const auto& error) {
    if (error == boost::asio::error::operation_aborted || alive.expired()) return;
    ask_again();
  });
}

void Gate::Impl::ask_again() {
  asking_again_ = false;
  now_ = read_clocks();
  read_ends();
  asker_.again(now_.mono);
  events_.batch_end(now_);
  ask_again_later();
}

// Nobody is woken for them: they matter only while a segment waits for one.
void Gate::Impl::read_ends() {
  for (int message = 0; ends_ && message < kMostEnds; ++message) {
    const auto received = receive_from_kernel(ends_.get(), end_bytes_);
    if (!received) continue;  // some did not fit
    if (received->empty()) return;
    if (!asker_.waits()) continue;
    ended_.clear();
    static_cast<void>(sock_diag::take_answer(*received, 0, ended_));
    for (const auto& socket : ended_) asker_.ended(socket);
  }
}

void Gate::Impl::send_so_far(Verdicts& verdicts) {
  verdicts.finish();
  send(verdicts_);
  verdicts_.clear();
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
