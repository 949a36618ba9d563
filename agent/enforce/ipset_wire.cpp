// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/ipset_wire.hpp"

#include <algorithm>

#include "enforce/ipset_codec.hpp"
#include "enforce/kernel_sets.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMessageEntries = 256;   // in one message
constexpr std::size_t kTurnMessages = 8;       // in one send(2): the kernel works some 2 ms on that many
constexpr std::size_t kTurnLoneMessages = 64;  // where each entry travels alone, after a failure

}  // namespace

std::size_t IpsetWire::most_orders() const {
  return kTurnMessages * kMessageEntries;
}

std::size_t IpsetWire::write(Bytes& out, const NextSequence& next, std::span<const Order> orders, Time now) {
  sent_.clear();
  std::vector<Element> elements;
  std::size_t at = 0;
  bool lone = false;
  while (at < orders.size() && sent_.size() < (lone ? kTurnLoneMessages : kTurnMessages)) {
    // One message: as many orders as are of one family and of one verb.
    elements.clear();
    const std::size_t first = at;
    const auto family = family_of(orders[at].prefix);
    const bool adding = bans_.expiry(orders[at].prefix).has_value();
    lone = orders[at].alone;
    do {
      const auto until = bans_.expiry(orders[at].prefix);
      if (family_of(orders[at].prefix) != family || until.has_value() != adding || orders[at].alone != lone)
        break;
      elements.push_back(
          {.prefix = orders[at].prefix, .timeout_seconds = until ? bans_.kernel_timeout(*until, now) : 0});
      ++at;
    } while (at < orders.size() && elements.size() < (lone ? 1 : kMessageEntries));
    const auto sequence = next();
    if (adding)
      ipset::put_add(out, sequence, set_name(family), elements);
    else
      ipset::put_remove(out, sequence, set_name(family), elements);
    sent_.push_back({sequence, first, elements.size()});
  }
  return at;
}

void IpsetWire::read(const Message& message, std::span<const Order>, std::span<OrderFate> fates) {
  using Kind = OrderFate::Kind;
  const auto acknowledgement = decode_acknowledgement(message);
  const auto sent = std::find_if(sent_.begin(), sent_.end(),
                                 [&](const Sent& one) { return one.sequence == message.sequence; });
  if (!acknowledgement || sent == sent_.end() || std::exchange(sent->answered, true)) return;
  const auto mine = fates.subspan(sent->first, sent->count);
  if (acknowledgement->error == 0) {
    std::fill(mine.begin(), mine.end(), OrderFate{.kind = Kind::done});
    return;
  }
  const auto code = ipset::make_error(acknowledgement->error);
  const auto failed = ipset::failed_element(*acknowledgement);
  const auto at = std::min(failed.value_or(0), mine.size() - 1);
  // What stands behind the failed one was not looked at. It goes alone: a full set refuses nearly all of
  // them, and with one answer a message that stays linear.
  std::fill(mine.begin(), mine.end(), OrderFate{.kind = Kind::again, .alone = true});
  std::fill_n(mine.begin(), at, OrderFate{.kind = Kind::done});
  // No set, or one that somebody exchanged: all of it again, once the set is ours again.
  if (code == std::errc::no_such_file_or_directory || code == ipset::make_error(ipset::kNoTimeouts))
    mine[at].kind = Kind::suspect;
  else if (failed || mine.size() == 1)
    mine[at] = {.kind = Kind::failed,
                .code = code == ipset::make_error(ipset::kFull)
                            ? std::make_error_code(std::errc::no_space_on_device)
                            : code};
}

// Adding twice is harmless, so whatever was not answered goes again.
void IpsetWire::give_up(std::span<const Order> orders, std::span<OrderFate> fates, bool) {
  for (std::size_t i = 0; i < fates.size(); ++i)
    if (fates[i].kind == OrderFate::Kind::waits)
      fates[i] = {.kind = OrderFate::Kind::again, .alone = orders[i].alone};
}

}  // namespace coturn_guard
