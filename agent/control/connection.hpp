// SPDX-License-Identifier: GPL-3.0-or-later
// One client of the control socket: its requests, one after the other, and their answers, written no faster
// than it reads. Whatever it does, what it holds of our memory and takes of our time is bounded: a request of
// 64 KiB, an answer's slice, one of both a turn. It knows no other client; whose turn it is, the socket says.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "control/reply.hpp"
#include "util/unique_fd.hpp"

namespace coturn_guard::control {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Events {
    Perform perform;
    std::function<void(const Caller&, Verb)> forbidden;
    std::function<void(const std::shared_ptr<Connection>&)> wants_turn;
    std::function<void(const std::shared_ptr<Connection>&)> ended;  // last of all
  };
  struct Patience {
    std::chrono::seconds request{10};  // from the first byte of a request to its last
    std::chrono::seconds idle{60};     // without a request
    std::chrono::seconds stalled{30};  // for a reader that reads nothing
  };

  // `events` must outlive it, or it must have been closed.
  Connection(boost::asio::io_context& io, UniqueFd socket, const Caller& caller, const Events& events,
             const Patience& patience, Time now);

  void start();
  void turn(Time now);   // does a bit
  void check(Time now);  // once a second: closes who is too slow
  void close();
  [[nodiscard]] const Caller& caller() const { return caller_; }

 private:
  void await(boost::asio::posix::descriptor_base::wait_type what);
  void on_readable(const boost::system::error_code& error);
  void on_writable(const boost::system::error_code& error);
  [[nodiscard]] bool read();
  [[nodiscard]] bool flush(Time now);
  void proceed();
  [[nodiscard]] bool take_request(Time now);
  void perform(const std::string& line);
  void end_with(const Refusal& refusal);
  void ask_for_turn();

  boost::asio::posix::stream_descriptor socket_;
  Caller caller_;
  const Events& events_;
  const Patience& patience_;
  std::string input_, output_;
  std::size_t sent_ = 0;  // of output_
  std::unique_ptr<Reply> reply_;
  Time last_progress_;  // bytes went out, or a request was complete
  Time request_began_;  // its first byte
  bool reading_ = false, writing_ = false;
  bool asked_ = false;         // for a turn
  bool input_ended_ = false;   // the client will say no more; it may still read
  unsigned bad_requests_ = 0;  // one after the other
  bool last_ = false;          // close when everything is sent
  bool streams_ = false;  // the reply has no end of its own: what the client says meanwhile counts nothing
};

}  // namespace coturn_guard::control
