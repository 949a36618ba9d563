// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/name_resolver.hpp"

#include <ares.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "source/next_turn.hpp"
#include "util/lifetime.hpp"
#include "util/network_access.hpp"

namespace coturn_guard {
namespace {

// With two servers of which one is dead an answer comes within the first of these.
constexpr int kTimeoutMilliseconds = 2000;
constexpr int kTries = 2;

std::optional<Address> address_of(const sockaddr* socket_address) {
  if (socket_address == nullptr) return std::nullopt;
  if (socket_address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, socket_address, sizeof v4);
    return Address::v4(ntohl(v4.sin_addr.s_addr));
  }
  if (socket_address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, socket_address, sizeof v6);
  Address::Bytes bytes;
  std::copy(std::begin(v6.sin6_addr.s6_addr), std::end(v6.sin6_addr.s6_addr), bytes.begin());
  return Address(bytes);
}

// An answer holds as long as its shortest part, the aliases on the way included. From /etc/hosts: 0.
NameAnswer read_answer(const ares_addrinfo& found) {
  NameAnswer answer{.kind = NameAnswer::Kind::addresses, .ttl = NameBook::kLongest};
  for (const auto* node = found.nodes; node != nullptr; node = node->ai_next) {
    if (const auto address = address_of(node->ai_addr)) answer.addresses.push_back(*address);
    answer.ttl = std::min(answer.ttl, std::chrono::seconds(node->ai_ttl));
  }
  for (const auto* alias = found.cnames; alias != nullptr; alias = alias->next)
    answer.ttl = std::min(answer.ttl, std::chrono::seconds(alias->ttl));
  if (answer.addresses.empty()) answer.kind = NameAnswer::Kind::nothing;
  return answer;
}

NameAnswer no_answer(int status) {
  if (status == ARES_ENOTFOUND) return {.kind = NameAnswer::Kind::nothing, .problem = "no such name exists"};
  if (status == ARES_ENODATA)
    return {.kind = NameAnswer::Kind::nothing, .problem = "the name has no address"};
  return {.problem =
              fmt::format("no answer from the resolvers of /etc/resolv.conf: {}", ares_strerror(status))};
}

}  // namespace

class NameResolver::Impl {
 public:
  explicit Impl(boost::asio::io_context& io) : io_(io), timer_(io), settle_(io, [this] { settle(); }) {}
  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void ask(const std::string& name, NameFamily family, Done done) {
    if (auto problem = open()) {
      finished_.push_back({std::move(done), {.problem = std::move(*problem)}});
      return settle_.post();
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = family == NameFamily::v4 ? AF_INET : AF_INET6;
    hints.ai_flags = ARES_AI_NOSORT;  // sorting would open a socket for each address
    ++open_questions_;
    // Freed by answered(), which c-ares calls exactly once.
    auto question = std::make_unique<Question>(Question{this, std::move(done)});
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Impl::answered, question.release());
    wait();
  }

 private:
  struct Question {
    Impl* resolver;
    Done done;
  };
  struct Finished {
    Done done;
    NameAnswer answer;
  };
  struct Socket {
    explicit Socket(boost::asio::io_context& io) : descriptor(io) {}

    boost::asio::posix::stream_descriptor descriptor;  // borrowed: c-ares closes it
    bool read_wanted = false, write_wanted = false;
    bool reading = false, writing = false;
  };
  using Wait = boost::asio::posix::stream_descriptor::wait_type;

  // Why there can be no channel; absent where there is one.
  std::optional<std::string> open() {
    if (channel_ != nullptr) return std::nullopt;
    if (auto refused = network_refused()) return refused;
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH;
    options.timeout = kTimeoutMilliseconds;
    options.tries = kTries;
    options.sock_state_cb = &Impl::socket_changed;
    options.sock_state_cb_data = this;
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status == ARES_SUCCESS)
      status = ares_init_options(
          &channel_, &options, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS) return std::nullopt;
    channel_ = nullptr;
    return fmt::format("c-ares cannot start: {}", ares_strerror(status));
  }

  void close() {
    if (channel_ == nullptr) return;
    closing_ = true;
    ares_destroy(std::exchange(channel_, nullptr));
    closing_ = false;
    for (auto& [fd, socket] : sockets_) (void)socket->descriptor.release();
    sockets_.clear();
    timer_.cancel();
    ares_library_cleanup();  // counts: each init has its cleanup
  }

  static void answered(void* argument, int status, int /*timeouts*/, ares_addrinfo* found) {
    const std::unique_ptr<Question> question(static_cast<Question*>(argument));
    const std::unique_ptr<ares_addrinfo, void (*)(ares_addrinfo*)> owned(found, &ares_freeaddrinfo);
    auto& self = *question->resolver;
    --self.open_questions_;
    if (self.closing_) return;
    self.finished_.push_back({std::move(question->done),
                              status == ARES_SUCCESS && owned ? read_answer(*owned) : no_answer(status)});
    self.settle_.post();
  }

  // In a turn of its own: what an answer leads to must not happen inside of c-ares.
  void settle() {
    for (auto& [done, answer] : std::exchange(finished_, {})) done(answer);
    if (open_questions_ == 0) close();
  }

  static void socket_changed(void* argument, ares_socket_t fd, int readable, int writable) {
    static_cast<Impl*>(argument)->socket_changed(fd, readable != 0, writable != 0);
  }

  void socket_changed(int fd, bool read, bool write) {
    auto known = sockets_.find(fd);
    if (!read && !write) {
      if (known == sockets_.end()) return;
      (void)known->second->descriptor.release();
      sockets_.erase(known);
      return;
    }
    if (known == sockets_.end()) {
      known = sockets_.emplace(fd, std::make_shared<Socket>(io_)).first;
      boost::system::error_code error;
      known->second->descriptor.assign(fd, error);
      if (error) return;  // the time-out ends what waits for it
    }
    known->second->read_wanted = read;
    known->second->write_wanted = write;
  }

  // For whatever c-ares waits for now.
  void wait() {
    for (auto& [fd, socket] : sockets_) {
      if (socket->read_wanted && !std::exchange(socket->reading, true)) wait_for(fd, socket, false);
      if (socket->write_wanted && !std::exchange(socket->writing, true)) wait_for(fd, socket, true);
    }
    timeval left{};
    if (channel_ == nullptr || ares_timeout(channel_, nullptr, &left) == nullptr) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
    timer_.async_wait([this, alive = lifetime_.watch()](const boost::system::error_code& error) {
      if (!error && !alive.expired()) process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    });
  }

  void wait_for(int fd, const std::shared_ptr<Socket>& socket, bool write) {
    socket->descriptor.async_wait(
        write ? Wait::wait_write : Wait::wait_read,
        [this, fd, write, weak = std::weak_ptr<Socket>(socket)](const boost::system::error_code& error) {
          const auto still = weak.lock();  // it goes with us, and when c-ares closes it
          if (!still || error) return;
          (write ? still->writing : still->reading) = false;
          process(write ? ARES_SOCKET_BAD : fd, write ? fd : ARES_SOCKET_BAD);
        });
  }

  void process(ares_socket_t readable, ares_socket_t writable) {
    if (channel_ == nullptr) return;
    ares_process_fd(channel_, readable, writable);
    wait();
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  NextTurn settle_;
  ares_channel channel_ = nullptr;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  std::vector<Finished> finished_;
  std::size_t open_questions_ = 0;
  bool closing_ = false;
  Lifetime lifetime_;
};

NameResolver::NameResolver(boost::asio::io_context& io) : impl_(std::make_unique<Impl>(io)) {}

NameResolver::~NameResolver() = default;

void NameResolver::ask(const std::string& name, NameFamily family, Done done) {
  impl_->ask(name, family, std::move(done));
}

}  // namespace coturn_guard
