// SPDX-License-Identifier: GPL-3.0-or-later
#include "eviction.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

namespace coturn_guard {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMostWaiting = 262'144;
constexpr std::size_t kMostDoomed = 65536;        // connections ended in one walk
constexpr std::size_t kDestroyedAtOnce = 64;      // requests in one send(2)
constexpr std::chrono::milliseconds kGather{20};  // bans come in batches
constexpr std::chrono::seconds kInterval{1};
constexpr int kRestFactor = 9;  // so many times what a walk took, before the next
constexpr int kAnswerBytes = 256 * 1024;
constexpr std::size_t kDestroyAnswerBytes = 32768;
// All in which the other side may still say something, or coturn holds something for it: established, the
// handshake's end, and half closed either way (include/net/tcp_states.h).
constexpr std::uint32_t kEndable = (1U << 1) | (1U << 3) | (1U << 4) | (1U << 5) | (1U << 8);

}  // namespace

Eviction::Eviction(boost::asio::io_context& io, std::vector<PortRange> ports, Notice notice)
    : ports_(std::move(ports)), notice_(std::move(notice)), timer_(io), list_(io), sweep_(io) {}

void Eviction::add(const Prefix& banned) {
  if (waiting_.size() >= kMostWaiting) {
    ++counters_.missed;
    return;
  }
  waiting_.push_back(banned);
  plan();
}

void Eviction::plan() {
  if (planned_ || running_ || waiting_.empty()) return;
  planned_ = true;
  timer_.expires_at(std::max(not_before_, steady_clock::now() + kGather));
  timer_.async_wait([this, alive = lifetime_.watch()](const boost::system::error_code& error) {
    if (error || alive.expired()) return;
    planned_ = false;
    begin();
  });
}

void Eviction::begin() {
  running_ = true;
  begun_ = steady_clock::now();
  ++counters_.passes;
  hunted_.clear();
  auto banned = std::exchange(waiting_, {});
  std::sort(banned.begin(), banned.end());  // a wider one stands before what is inside it
  for (const auto& prefix : banned)
    if (hunted_.empty() || !hunted_.back().overlaps(prefix)) hunted_.push_back(prefix);
  doomed_.clear();
  destroyed_ = 0;
  if (!can_destroy_) return sweep();
  list(sock_diag::Family::v4);
}

void Eviction::list(sock_diag::Family family) {
  list_.begin(
      family, kEndable, false, [this](const auto& sockets) { on_sockets(sockets); },
      [this, family](int error) { on_listed(family, error); });
}

bool Eviction::hunted(const Address& address, std::uint16_t port) const {
  if (!ports_.empty() && !holds(ports_, port)) return false;
  const auto next = std::upper_bound(hunted_.begin(), hunted_.end(), Prefix(address, kWholeAddress));
  return next != hunted_.begin() && std::prev(next)->contains(address);
}

void Eviction::on_sockets(const std::vector<sock_diag::Socket>& sockets) {
  for (const auto& socket : sockets)
    if (doomed_.size() < kMostDoomed && hunted(socket.remote.address, socket.local.port))
      doomed_.push_back(socket);
}

// A list that was interrupted is not whole; what is missing is ended by the next walk, or by its timeout.
void Eviction::on_listed(sock_diag::Family family, int error) {
  if (error != 0 && error != EINTR)
    cannot(can_destroy_, "evict.connections",
           "the kernel lists no TCP connections: " + std::generic_category().message(error),
           "a kernel of your own needs CONFIG_INET_DIAG and CONFIG_INET_TCP_DIAG");
  // The second one also has IPv4 clients of sockets that listen for both.
  if (can_destroy_ && family == sock_diag::Family::v4) return list(sock_diag::Family::v6);
  destroy();
}

// Some in each turn of the loop, then the sweep: ten thousands of them must not keep a ban waiting.
void Eviction::destroy() {
  if (destroyed_ == doomed_.size() || !can_destroy_) return sweep();
  if (!destroyer_) {
    auto opened = open_sock_diag(0, kAnswerBytes);
    if (!opened) {
      cannot(can_destroy_, "evict.connections", opened.error().message(), "bans hold all the same");
      return sweep();
    }
    destroyer_ = std::move(*opened);
  }
  const auto left = std::span(doomed_).subspan(destroyed_);
  destroy(left.first(std::min(kDestroyedAtOnce, left.size())));
  destroyed_ += std::min(kDestroyedAtOnce, left.size());
  boost::asio::post(timer_.get_executor(), [this, alive = lifetime_.watch()] {
    if (!alive.expired()) destroy();
  });
}

void Eviction::destroy(std::span<const sock_diag::Socket> sockets) {
  std::string requests;
  for (const auto& socket : sockets) requests += sock_diag::destroy_request(socket, 1);
  if (::send(destroyer_.get(), requests.data(), requests.size(), 0) < 0) {
    counters_.unsent += sockets.size();
    return;
  }
  answers_.resize(kDestroyAnswerBytes);
  // The kernel answered inside send(2).
  for (auto got = receive_from_kernel(destroyer_.get(), answers_); got && !got->empty();
       got = receive_from_kernel(destroyer_.get(), answers_)) {
    const auto answers = sock_diag::take_destroyed(*got);
    counters_.connections += answers.destroyed;
    if (answers.error != 0)
      cannot(can_destroy_, "evict.connections",
             "the kernel does not end TCP connections: " + std::generic_category().message(answers.error),
             answers.error == EOPNOTSUPP ? "a kernel of your own needs CONFIG_INET_DIAG_DESTROY"
                                         : "keep CAP_NET_ADMIN in coturn-guard.service");
  }
}

void Eviction::sweep() {
  if (!can_sweep_) return end();
  sweep_.begin([this](const conntrack::Flow& flow) { return hunted(flow.source, flow.port); },
               [this](const Result<std::size_t>& deleted) { on_swept(deleted); });
}

void Eviction::on_swept(const Result<std::size_t>& deleted) {
  if (deleted) counters_.flows += *deleted;
  // Interrupted, or faster than we read: the next walk may do better.
  else if (deleted.error().code != std::errc::interrupted &&
           deleted.error().code != std::errc::no_buffer_space)
    cannot(can_sweep_, "evict.flows", deleted.error().message(),
           "try \"modprobe nf_conntrack_netlink\"; a kernel of your own needs CONFIG_NF_CT_NETLINK");
  end();
}

void Eviction::end() {
  const auto now = steady_clock::now();
  if (const auto connections = counters_.connections - told_.connections,
      flows = counters_.flows - told_.flows;
      connections + flows > 0)
    notice_(
        {EnforcerNotice::Level::info,
         "evict.ended",
         fmt::format("{} connections and {} flows of {} banned networks", connections, flows, hunted_.size()),
         {}});
  told_ = counters_;
  not_before_ = std::max(begun_ + kInterval, now + kRestFactor * (now - begun_));
  running_ = false;
  plan();
}

// Told once; bans hold all the same.
void Eviction::cannot(bool& able, const char* event, std::string what, std::string remedy) {
  if (!std::exchange(able, false)) return;
  notice_({EnforcerNotice::Level::warning, event,
           std::move(what) + "; what a banned address has running ends by its timeouts", std::move(remedy)});
}

}  // namespace coturn_guard
