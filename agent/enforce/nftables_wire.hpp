// SPDX-License-Identifier: GPL-3.0-or-later
// Orders as transactions of nf_tables: a turn is one, so either all of it happened or nothing did. Which
// elements that takes, where bans lie inside each other, is the cover's word.
#pragma once

#include <vector>

#include "enforce/cover.hpp"
#include "enforce/nftables_codec.hpp"
#include "enforce/nftables_elements.hpp"
#include "enforce/order_wire.hpp"

namespace coturn_guard {

class NftablesWire final : public OrderWire {
 public:
  explicit NftablesWire(const BanTable& bans) : bans_(bans), cover_(bans) {}

  [[nodiscard]] std::size_t most_orders() const override;
  [[nodiscard]] std::size_t write(Bytes& out, const NextSequence& next, std::span<const Order> orders,
                                  Time now) override;
  void read(const Message& message, std::span<const Order> orders, std::span<OrderFate> fates) override;
  void give_up(std::span<const Order> orders, std::span<OrderFate> fates, bool sent) override;
  [[nodiscard]] bool outlives(const Prefix& expired, Time now) override {
    return cover_.expired(expired, now);
  }
  // What was found in the kernel, or put there by another way.
  void know(Family family, std::span<const Element> held) { cover_.reset(family, held); }

 private:
  void put_steps(nftables::ElementBatch& batch, Time now);
  void settle(std::span<const Order> orders, std::span<OrderFate> fates);

  const BanTable& bans_;
  Cover cover_;
  std::vector<Cover::Step> steps_;
  std::uint32_t first_ = 0, last_ = 0;  // numbers of the turn under way; 0: none is
  std::error_code refusal_;             // the first of the turn
  bool set_is_other_ = false;           // a refusal says that the set is not as we think
};

}  // namespace coturn_guard
