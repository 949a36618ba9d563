// SPDX-License-Identifier: GPL-3.0-or-later
// Orders as ipset's messages: up to 256 elements of one family and one verb in each, one acknowledgement a
// message, which names the element that failed.
#pragma once

#include <vector>

#include "enforce/ban_table.hpp"
#include "enforce/order_wire.hpp"

namespace coturn_guard {

class IpsetWire final : public OrderWire {
 public:
  explicit IpsetWire(const BanTable& bans) : bans_(bans) {}

  [[nodiscard]] std::size_t most_orders() const override;
  [[nodiscard]] std::size_t write(Bytes& out, const NextSequence& next, std::span<const Order> orders,
                                  Time now) override;
  void read(const Message& message, std::span<const Order> orders, std::span<OrderFate> fates) override;
  void give_up(std::span<const Order> orders, std::span<OrderFate> fates, bool sent) override;
  [[nodiscard]] bool outlives(const Prefix&, Time) override { return false; }

 private:
  struct Sent {
    std::uint32_t sequence = 0;
    std::size_t first = 0, count = 0;  // of the orders
    bool answered = false;
  };

  const BanTable& bans_;
  std::vector<Sent> sent_;
};

}  // namespace coturn_guard
