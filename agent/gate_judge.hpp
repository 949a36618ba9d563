// SPDX-License-Identifier: GPL-3.0-or-later
// What the gate does with each packet, before the pipeline judges it: drops what can forge a line of coturn's
// log, and has the kernel asked about each segment of TCP. The pipeline gets of TCP only how a connection
// began, once the kernel said that coturn's socket took it; whatever else claims to be a segment is charged
// to nobody. Pure: it asks nobody itself.
#pragma once

#include <utility>
#include <vector>

#include "detect/smoke_senders.hpp"
#include "detect/stream_starts.hpp"
#include "model/segment.hpp"
#include "pipeline.hpp"

namespace coturn_guard {

class GateJudge {
 public:
  GateJudge(Pipeline& pipeline, const HashSeed& seed) : pipeline_(pipeline), starts_(seed) {}

  // What the gate is to do with it, besides what stands in `outcome`. Where the kernel is to be asked, the
  // same packet comes again in taken().
  [[nodiscard]] PacketDecision take(const Packet& packet, const Now& now, Outcome& outcome);
  void taken(const Packet& packet, const SegmentProof& proof, const Now& now, Outcome& outcome);

  // Connections of which the gate need not see what they say from now on; since the last call.
  [[nodiscard]] std::vector<TcpFlow> take_heard() { return std::exchange(heard_, {}); }
  [[nodiscard]] const SmokeSenders& smoke_senders() const { return smoke_senders_; }
  [[nodiscard]] const StreamStarts& stream_starts() const { return starts_; }

 private:
  Pipeline& pipeline_;
  StreamStarts starts_;
  SmokeSenders smoke_senders_;
  std::vector<TcpFlow> heard_;
};

}  // namespace coturn_guard
