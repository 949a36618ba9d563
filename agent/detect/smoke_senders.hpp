// SPDX-License-Identifier: GPL-3.0-or-later
// Who sends texts with which a line of coturn's log can be forged, as far as the gate sees it: the addresses
// that its dropped packets claim. The sender of a UDP packet may be forged, and nothing is done to it; this
// is for telling an operator where to look. It judges nobody.
//
// Bounded, and an attacker cannot push itself out of it: every address that sent more than one of
// kMost + 1 of the packets since the last forgetting is in it (Misra and Gries, 1982). Only as many packets
// from other addresses can hide one, and then `others` is as large.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "detect/packet_headers.hpp"
#include "model/address.hpp"
#include "model/clock.hpp"

namespace coturn_guard {

struct SmokeSender {
  Address address;
  Transport transport = Transport::udp;  // of the last one
  std::uint64_t packets = 0;             // at least so many
  std::chrono::steady_clock::time_point last{};
};

class SmokeSenders {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMost = 16;
  static constexpr std::chrono::minutes kForgotten{10};  // without any such packet

  void note(const Address& address, Transport transport, Time now);
  // Those of at least one packet, the most first.
  [[nodiscard]] std::vector<SmokeSender> most(std::size_t count) const;
  // "203.0.113.66 (12 packets over UDP), 3 of others; over UDP as the packet claims"; empty where there was
  // none since `since`.
  [[nodiscard]] std::string in_words(Time since) const;
  [[nodiscard]] std::uint64_t packets() const { return packets_; }  // ever

 private:
  std::array<SmokeSender, kMost> senders_{};
  std::size_t size_ = 0;
  std::uint64_t counted_ = 0;  // since the last forgetting
  std::uint64_t packets_ = 0;
  Time last_{};
};

}  // namespace coturn_guard
