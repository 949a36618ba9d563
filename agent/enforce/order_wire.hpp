// SPDX-License-Identifier: GPL-3.0-or-later
// How one backend says orders to the kernel, many at a time, and what the kernel's answers mean for each of
// them. Knows no queue: a turn is written, then its answers are read until all of it is settled.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <system_error>

#include "enforce/netlink_bytes.hpp"
#include "model/prefix.hpp"

namespace coturn_guard {

// Something about a prefix that the kernel has to hear. It names a prefix and no more: what the kernel should
// hold is read from the table of bans at the moment of writing.
struct Order {
  enum class Why : std::uint8_t { new_ban, longer_ban, release, rearm, refill };
  Prefix prefix;
  Why why = Why::new_ban;
  bool alone = false;  // was behind a failed one in its message
};

// What became of an order.
struct OrderFate {
  enum class Kind : std::uint8_t {
    waits,  // not answered yet
    done,
    failed,   // `code`; a set that is full is std::errc::no_space_on_device
    again,    // the kernel did not look at it
    suspect,  // its set is not what it should be; again, once it is
  };
  Kind kind = Kind::waits;
  bool alone = false;  // when it goes again
  std::error_code code{};
};

class OrderWire {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using NextSequence = std::function<std::uint32_t()>;

  virtual ~OrderWire() = default;
  OrderWire() = default;
  OrderWire(const OrderWire&) = delete;
  OrderWire& operator=(const OrderWire&) = delete;

  [[nodiscard]] virtual std::size_t most_orders() const = 0;  // in one turn
  // Appends the requests for as many of the orders as fit in one turn, from the front; tells how many. None
  // is under way.
  [[nodiscard]] virtual std::size_t write(Bytes& out, const NextSequence& next, std::span<const Order> orders,
                                          Time now) = 0;
  // One message of the answers; `fates`: of the orders that were written.
  virtual void read(const Message& message, std::span<const Order> orders, std::span<OrderFate> fates) = 0;
  // Not all answers will come: the socket's buffer overflowed, or nothing was sent (`sent` false).
  virtual void give_up(std::span<const Order> orders, std::span<OrderFate> fates, bool sent) = 0;
  // The ban is over, and the kernel was to end it by itself. True: it has to hear of it all the same.
  [[nodiscard]] virtual bool outlives(const Prefix& expired, Time now) = 0;
};

}  // namespace coturn_guard
