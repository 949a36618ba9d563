// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/smoke_senders.hpp"

#include <algorithm>
#include <string_view>

namespace coturn_guard {
namespace {

constexpr std::size_t kTold = 3;

}  // namespace

void SmokeSenders::note(const Address& address, Transport transport, Time now) {
  if (packets_ != 0 && now - last_ >= kForgotten) size_ = counted_ = 0;
  last_ = now;
  ++packets_;
  ++counted_;
  const auto end = senders_.begin() + static_cast<std::ptrdiff_t>(size_);
  const auto found =
      std::find_if(senders_.begin(), end, [&](const SmokeSender& one) { return one.address == address; });
  if (found != end) {
    found->transport = transport;
    found->last = now;
    ++found->packets;
    return;
  }
  if (size_ < kMost) {
    senders_[size_++] = {address, transport, 1, now};
    return;
  }
  // No room: each loses one, and who has none left makes room.
  for (auto& sender : senders_) --sender.packets;
  const auto left =
      std::remove_if(senders_.begin(), end, [](const SmokeSender& one) { return one.packets == 0; });
  size_ = static_cast<std::size_t>(left - senders_.begin());
}

std::vector<SmokeSender> SmokeSenders::most(std::size_t count) const {
  std::vector<SmokeSender> all(senders_.begin(), senders_.begin() + static_cast<std::ptrdiff_t>(size_));
  std::sort(all.begin(), all.end(),
            [](const SmokeSender& a, const SmokeSender& b) { return a.packets > b.packets; });
  all.resize(std::min(all.size(), count));
  return all;
}

std::string SmokeSenders::in_words(Time since) const {
  if (packets_ == 0 || last_ < since) return {};
  std::string text;
  std::uint64_t told = 0;
  for (const auto& sender : most(kTold)) {
    if (sender.last < since) continue;
    const std::string_view over = sender.transport == Transport::udp ? " over UDP), " : " over TCP), ";
    text += sender.address.to_string() + " (" + std::to_string(sender.packets) + " packets";
    text += over;
    told += sender.packets;
  }
  if (counted_ > told) text += std::to_string(counted_ - told) + " of others, ";
  return text + "as the packets claim";
}

}  // namespace coturn_guard
