// SPDX-License-Identifier: GPL-3.0-or-later
// The way to the kernel for what comes by the thousand: orders wait in a bounded queue, go many at a time,
// and the answers are read in the loop. An order names a prefix and no more. What the kernel should hold is
// read from the table of bans at the moment of sending, so that an order which was overtaken (banned, freed,
// banned again) ends where the last word was. It changes neither the table nor the sets' properties, and how
// an order is said to the kernel is the wire's business.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <optional>
#include <system_error>
#include <vector>

#include "enforce/ban_table.hpp"
#include "enforce/element.hpp"
#include "enforce/netlink_socket.hpp"
#include "enforce/order_wire.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {

class OrderQueue {
 public:
  using Time = BanTable::Time;
  struct Events {
    std::function<void(const Order&)> succeeded;
    std::function<void(const Order&, const std::error_code&)> failed;
    std::function<void(const Order&)> deferred;  // its family is closed; the table is the memory of it
    std::function<void(bool full)> pause;        // a second time only after the opposite
    std::function<void(const Error&)> not_sent;  // nothing is lost; the next send() tries again
    std::function<void()> answered;              // everything that was under way: look at suspect(), send()
  };

  OrderQueue(boost::asio::io_context& io, const BanTable& bans, OrderWire& wire, Events events);
  ~OrderQueue();
  OrderQueue(const OrderQueue&) = delete;
  OrderQueue& operator=(const OrderQueue&) = delete;

  [[nodiscard]] Result<> open();  // once
  [[nodiscard]] bool is_open() const { return socket_.has_value(); }
  void push(const Prefix& prefix, Order::Why why);
  // Tells the kernel all bans of the family once more, behind what waits already. The set is ours (again).
  void refill(Family family);
  // The set cannot be repaired at present: its orders are dropped, and no more are taken, until refill(). So
  // they never fill the queue, and the other family goes on.
  void close(Family family);
  // Sends one turn of orders; `answered` asks for the next. Does nothing while answers are awaited, or where
  // a set is suspect (which is to be answered by refill() or close()). After a small turn that kept the
  // kernel long, and us with it, the next one waits as long.
  void send(Time now);

  // Twice the limit is only reached by somebody who does not mind `pause`.
  [[nodiscard]] bool overfull() const;
  [[nodiscard]] bool idle() const;
  // An answer said that the set is not what it should be.
  [[nodiscard]] bool suspect(Family family) const { return road(family).state == State::suspect; }
  [[nodiscard]] bool open(Family family) const { return road(family).state == State::open; }

 private:
  enum class State : std::uint8_t { open, suspect, closed };
  struct Road {
    State state = State::open;
    bool refilling = false;
    std::size_t next_slot = 0;  // of the table, to be told again
  };
  [[nodiscard]] Road& road(Family family) { return roads_[static_cast<std::size_t>(family)]; }
  [[nodiscard]] const Road& road(Family family) const { return roads_[static_cast<std::size_t>(family)]; }
  [[nodiscard]] std::optional<Order> next_order();
  void write_turn(Time now);
  [[nodiscard]] bool resting();
  void put_back(const Order& order);
  void await_answers();
  void on_answers(const boost::system::error_code& error);
  void settle();
  void set_pause();

  const BanTable& bans_;
  OrderWire& wire_;
  Events events_;
  std::optional<NetlinkSocket> socket_;  // its descriptor is borrowed by answers_
  boost::asio::posix::stream_descriptor answers_;
  Lifetime lifetime_;
  boost::asio::steady_timer rest_;
  Time rested_{};
  bool resting_ = false;  // send() comes by itself
  Bytes receive_buffer_;
  Bytes send_buffer_;
  std::deque<Order> queue_;
  std::array<Road, 2> roads_;     // by address family
  std::vector<Order> flight_;     // what the wire has written
  std::vector<OrderFate> fates_;  // of each of them
  bool paused_ = false;
};

}  // namespace coturn_guard
