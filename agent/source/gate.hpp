// SPDX-License-Identifier: GPL-3.0-or-later
// Packets on their way to coturn, which the kernel holds until we say what becomes of them (NFQUEUE). It
// judges nothing: `packet` does. About a segment of TCP it asks the kernel what its connection took of it.
// Which packets come is the gate rule's (enforce/gate_rule). Whatever happens to us, traffic flows: a queue
// that nobody reads is bypassed, one that is full lets pass (fail-open). Facts:
// linux/netfilter/nfnetlink_queue.h, net/netfilter/nfnetlink_queue.c.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "model/flow.hpp"
#include "model/segment.hpp"
#include "source/source.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct GateEvents {
  std::function<PacketDecision(const Packet&, const Now&)> packet;
  // Of a segment about which `packet` wanted the kernel asked: in the same batch, or a moment later.
  std::function<void(const Packet&, const SegmentProof&, const Now&)> taken;
  std::function<void(const Now&)> batch_end;  // some packets were decided: time to send what else was
};

struct GateCounters {
  std::uint64_t packets = 0;
  std::uint64_t dropped = 0;
  std::uint64_t overflows = 0;  // the kernel had more for us than its buffer holds; what overflowed passed
  std::uint64_t malformed = 0;  // messages that were none
  std::uint64_t refused = 0;    // verdicts that the kernel did not take
  std::uint64_t forging = 0;    // of the dropped: those that can forge a line of coturn's log
  std::uint64_t cut_short = 0;  // and those of which not all could be seen
  std::uint64_t proven = 0;     // SegmentCounters
  std::uint64_t unproven = 0;
  std::uint64_t unasked = 0;
};

class Gate {
 public:
  static constexpr std::uint32_t kQueueLength = 4096;  // packets that may wait for us; more pass
  static constexpr int kCopyBytes = 1800;              // a whole packet of most networks

  // `queue`: 0 to 65535; one program alone can have it.
  Gate(boost::asio::io_context& io, std::uint16_t queue, GateEvents events);
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // The error says what the kernel lacks, or that the queue is another program's, and what to do.
  [[nodiscard]] Result<> start();
  [[nodiscard]] const GateCounters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coturn_guard
