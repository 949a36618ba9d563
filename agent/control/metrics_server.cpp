// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/metrics_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "control/metrics_client.hpp"
#include "control/metrics_listener.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {
namespace {

using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Text = MetricsClient::Text;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kAcceptsPerTurn = 16;
constexpr seconds kNoDescriptorRest{1};
constexpr milliseconds kFresh{200};  // so long a collected text is handed out again

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(boost::asio::io_context& io, Collect collect)
      : io_(io), collect_(std::move(collect)), listener_(io), rest_(io) {
    server_ = {.text = [this](MetricFormat format) { return text(format); },
               .gone = [this](const MetricsClient& client) { forget(client); },
               .counters = &counters_};
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<> start(const MetricsAddress& address) {
    stop();
    auto fd = listen_for_metrics(address);
    if (!fd) return tl::unexpected(fd.error());
    path_ = address.path;
    family_ = !path_.empty() ? AF_UNIX : address.tcp.address.is_v4() ? AF_INET : AF_INET6;
    error_code refused;
    listener_.assign(fd->get(), refused);
    if (refused) return fail(refused.value(), "watch the socket of metrics at {}", address.to_string());
    (void)fd->release();
    wait();
    return {};
  }

  void stop() {
    clients_.clear();
    ++round_;
    rest_.cancel();
    if (!listener_.is_open()) return;
    error_code ignored;
    listener_.close(ignored);
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  [[nodiscard]] const MetricsServerCounters& counters() const { return counters_; }

 private:
  void wait() {
    listener_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                         [this, alive = lifetime_.watch(), round = round_](const error_code& error) {
                           if (!alive.expired() && !error && round == round_) accept();
                         });
  }

  void accept() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      UniqueFd fd(::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!fd) {
        const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        return exhausted ? wait_after(kNoDescriptorRest) : wait();
      }
      ++counters_.clients;
      if (clients_.size() >= kMaxClients) make_room();
      clients_.push_back(std::make_unique<MetricsClient>(io_, family_, std::move(fd), server_));
    }
    wait_after(MetricsClient::kRest);
  }

  void wait_after(Clock::duration rest) {
    rest_.expires_after(rest);
    rest_.async_wait([this, alive = lifetime_.watch(), round = round_](const error_code& error) {
      if (!alive.expired() && !error && round == round_) wait();
    });
  }

  // Whoever asks now is nearer than who has been silent longest.
  void make_room() {
    const auto worse = [](const auto& a, const auto& b) {
      return std::pair(a->writing(), a->since()) < std::pair(b->writing(), b->since());
    };
    ++counters_.displaced;
    forget(**std::min_element(clients_.begin(), clients_.end(), worse));
  }

  void forget(const MetricsClient& client) {
    std::erase_if(clients_, [&](const auto& one) { return one.get() == &client; });
  }

  Text text(MetricFormat format) {
    auto& [made, text] = texts_[static_cast<std::size_t>(format)];
    if (const auto now = Clock::now(); !text || now - made >= kFresh) {
      ++counters_.collections;
      text = std::make_shared<const std::string>(collect_(format));
      made = now;
    }
    return text;
  }

  boost::asio::io_context& io_;
  Collect collect_;
  MetricsServerCounters counters_;
  MetricsClient::Server server_;
  Lifetime lifetime_;
  boost::asio::posix::stream_descriptor listener_;
  boost::asio::steady_timer rest_;
  std::uint64_t round_ = 0;  // of listening: what still waits in the loop is an earlier one's
  std::string path_;
  int family_ = 0;
  std::vector<std::unique_ptr<MetricsClient>> clients_;
  std::array<std::pair<Clock::time_point, Text>, 2> texts_;  // by MetricFormat
};

MetricsServer::MetricsServer(boost::asio::io_context& io, Collect collect)
    : impl_(std::make_unique<Impl>(io, std::move(collect))) {}
MetricsServer::~MetricsServer() = default;

Result<> MetricsServer::start(const MetricsAddress& address) {
  return impl_->start(address);
}
void MetricsServer::stop() {
  impl_->stop();
}
std::size_t MetricsServer::clients() const {
  return impl_->clients();
}
const MetricsServerCounters& MetricsServer::counters() const {
  return impl_->counters();
}

}  // namespace coturn_guard
