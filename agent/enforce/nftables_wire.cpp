// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_wire.hpp"

#include <algorithm>
#include <set>

namespace coturn_guard {
namespace {

// The kernel works some 10 ms on that many. More at a time would be cheaper in a large set, which newer
// kernels write anew for each transaction, but the loop waits meanwhile.
constexpr std::size_t kTurnOrders = 4096;

nftables::Verb verb_of(Cover::Step::Kind kind) {
  switch (kind) {
    case Cover::Step::Kind::add: return nftables::Verb::add;
    case Cover::Step::Kind::renew: return nftables::Verb::renew;
    case Cover::Step::Kind::remove: break;
  }
  return nftables::Verb::remove;
}

}  // namespace

std::size_t NftablesWire::most_orders() const {
  return kTurnOrders;
}

std::size_t NftablesWire::write(Bytes& out, const NextSequence& next, std::span<const Order> orders,
                                Time now) {
  // After a refusal that nobody understands, one by one, to find the one that is refused.
  const auto turn = orders.first(orders[0].alone ? 1 : orders.size());
  steps_.clear();
  for (const auto& order : turn) cover_.plan(order.prefix, steps_);
  refusal_.clear();
  set_is_other_ = false;
  first_ = next();
  if (steps_.empty()) {  // nothing that the kernel does not hold; it is asked something all the same
    last_ = first_;
    nftables::put_get_generation(out, first_);
    return turn.size();
  }
  nftables::ElementBatch batch(out, first_);
  put_steps(batch, now);
  last_ = batch.end();
  while (next() != last_) {
  }
  return turn.size();
}

void NftablesWire::put_steps(nftables::ElementBatch& batch, Time now) {
  std::vector<Element> elements;
  std::set<Prefix> seen;  // one element must not be named twice in one message
  for (auto step = steps_.begin(); step != steps_.end();) {
    elements.clear();
    seen.clear();
    const auto kind = step->kind;
    const auto family = family_of(step->prefix);
    for (; step != steps_.end() && step->kind == kind && family_of(step->prefix) == family; ++step) {
      if (!seen.insert(step->prefix).second) continue;
      const auto until = bans_.expiry(step->prefix);  // absent: the canary, or to be removed
      auto timeout = until ? bans_.kernel_timeout(*until, now) : 0;
      if (timeout != 0 && step->outlasts) timeout += static_cast<std::uint32_t>(Cover::kOutlast.count());
      elements.push_back({.prefix = step->prefix, .timeout_seconds = timeout});
    }
    batch.put(verb_of(kind), family, elements);
  }
}

void NftablesWire::read(const Message& message, std::span<const Order> orders, std::span<OrderFate> fates) {
  const auto acknowledgement = decode_acknowledgement(message);
  if (!acknowledgement || first_ == 0 || message.sequence < first_ || message.sequence > last_) return;
  if (acknowledgement->error != 0) {
    const std::error_code code(acknowledgement->error, std::generic_category());
    if (!refusal_) refusal_ = code;
    // The set or the table is gone, is of another kind, or holds what overlaps with what we know of it.
    set_is_other_ = set_is_other_ || code == std::errc::no_such_file_or_directory ||
                    code == std::errc::file_exists || code == std::errc::device_or_resource_busy ||
                    code == std::errc::invalid_argument || code == std::errc::operation_not_supported;
  }
  // The beginning is only answered when the transaction as a whole was refused, and then it is the last word.
  if (message.sequence == last_ || message.sequence == first_) settle(orders, fates);
}

void NftablesWire::settle(std::span<const Order> orders, std::span<OrderFate> fates) {
  using Kind = OrderFate::Kind;
  first_ = last_ = 0;
  if (!refusal_) {
    cover_.commit();
    std::fill(fates.begin(), fates.end(), OrderFate{.kind = Kind::done});
    return;
  }
  cover_.undo();
  const bool lone = orders.size() == 1;
  OrderFate fate{.kind = set_is_other_ ? Kind::suspect
                         : lone        ? Kind::failed
                                       : Kind::again,
                 .alone = !set_is_other_,
                 .code = refusal_};
  std::fill(fates.begin(), fates.end(), fate);
}

void NftablesWire::give_up(std::span<const Order>, std::span<OrderFate> fates, bool sent) {
  cover_.undo();
  first_ = last_ = 0;
  // What was sent happened, or did not: the set has to be looked at.
  for (auto& fate : fates)
    if (fate.kind == OrderFate::Kind::waits)
      fate.kind = sent ? OrderFate::Kind::suspect : OrderFate::Kind::again;
}

}  // namespace coturn_guard
