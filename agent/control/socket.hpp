// SPDX-License-Identifier: GPL-3.0-or-later
// The control socket: who may connect, how many, and whose turn it is. The file is open to everybody (0666):
// the lock is the kernel's word about who connected (SO_PEERCRED, SO_PEERGROUPS; unix(7), socket(7)). All
// clients together have one slice of work in a turn of the loop, so that none of them, nor all, delay a ban.
// What the verbs do is the business of whoever owns it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/connection.hpp"
#include "util/lifetime.hpp"
#include "util/result.hpp"

namespace coturn_guard::control {

struct SocketCounters {
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;    // by who they are
  std::uint64_t forbidden = 0;  // requests of who may only read
  std::uint64_t crowded = 0;    // there were too many clients
};

class Socket {
 public:
  using Time = Connection::Time;
  static constexpr std::size_t kMaxClients = 64;
  // The rest is kept for who may change something: readers do not lock an operator out.
  static constexpr std::size_t kMaxReaders = 48;
  // Who comes by the thousand waits in the kernel: so many at once, and so many a second on average.
  static constexpr double kBurst = 256;
  static constexpr double kArrivalsPerSecond = 2000;

  // `forbidden`: somebody asked for what is not his.
  Socket(boost::asio::io_context& io, Perform perform, std::function<void(const Caller&, Verb)> forbidden,
         const Connection::Patience& patience = {});
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Listens there; makes the directory where it is missing. A socket that a crash left is replaced; one that
  // another daemon listens on is an error.
  [[nodiscard]] Result<> open(const std::string& path);
  void tick(Time now);  // once a second
  [[nodiscard]] std::size_t clients() const { return clients_.size(); }
  [[nodiscard]] const SocketCounters& counters() const { return counters_; }

 private:
  void await_client();
  [[nodiscard]] bool admits_one_more();
  void rest(std::chrono::milliseconds time);
  void on_client(const boost::system::error_code& error);
  void welcome(UniqueFd client);
  void turn_away(const UniqueFd& client, const Refusal& refusal) const;
  [[nodiscard]] Access access_of(int client, uid_t uid, gid_t gid) const;
  void post_turn();
  void turn();

  boost::asio::io_context& io_;
  Connection::Events events_;
  Connection::Patience patience_;
  SocketCounters counters_;
  std::string path_;
  boost::asio::posix::stream_descriptor listener_;
  std::optional<gid_t> changers_, readers_;
  std::set<std::shared_ptr<Connection>> clients_;
  std::size_t reading_clients_ = 0;
  std::deque<std::shared_ptr<Connection>> turns_;
  bool turn_posted_ = false;
  Time::duration worked_{};  // in turns since the last rest
  boost::asio::steady_timer pace_;
  double arrivals_ = kBurst;  // that are left
  Time arrivals_filled_{};
  boost::asio::steady_timer rest_;
  Lifetime lifetime_;
};

}  // namespace coturn_guard::control
