// SPDX-License-Identifier: GPL-3.0-or-later
// NFQUEUE's messages, both ways, by libnetfilter_queue: bytes to packets, verdicts to bytes. No socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/flow.hpp"

namespace coturn_guard::nfqueue {

// What one message of the kernel's holds.
struct QueuedPacket {
  std::uint32_t id = 0;
  std::uint32_t interface = 0;  // over which it came
  Packet packet;
};

struct Taken {
  std::uint64_t malformed = 0;
  int refused = 0;  // errno of the last error message; 0: there was none
  std::uint64_t refusals = 0;
  bool acknowledged = false;
};

// Calls `take` for each packet in what was received (one datagram). Looks past no end.
[[nodiscard]] Taken take_messages(std::span<const char> received,
                                  const std::function<void(const QueuedPacket&)>& take);

// Binds the queue and says how it is to be kept, in one message, so that no packet finds it half made.
void put_bind(std::vector<char>& out, std::uint16_t queue, int copy_bytes, std::uint32_t queue_length);
// Changes nothing; refused only who lacks the capability.
void put_harmless(std::vector<char>& out);

// Verdicts for packets in the order in which they came; what follows one another with the same fate is one
// message.
class Verdicts {
 public:
  Verdicts(std::vector<char>& out, std::uint16_t queue) : out_(out), queue_(queue) {}
  void add(std::uint32_t id, PacketFate fate);
  // Accepted, but with these bytes instead, which are few.
  void accept_as(std::uint32_t id, std::span<const std::uint8_t> packet);
  void finish();

 private:
  std::vector<char>& out_;
  std::uint16_t queue_;
  bool any_ = false;
  std::uint32_t last_ = 0;
  PacketFate fate_ = PacketFate::accept;
};

}  // namespace coturn_guard::nfqueue
