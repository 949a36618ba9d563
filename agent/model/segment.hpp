// SPDX-License-Identifier: GPL-3.0-or-later
// A TCP segment that the gate holds, and the kernel's word about it. Passive data; who asks the kernel is
// source/gate, what follows is the pipeline's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/address.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

// One TCP connection by its four numbers.
struct TcpFlow {
  Endpoint local;  // coturn's side
  Endpoint remote;

  friend bool operator==(const TcpFlow&, const TcpFlow&) = default;
};

// What becomes of a packet, and whether the kernel is to be asked about the connection that it claims to
// belong to: a TCP segment proves nothing by itself.
struct PacketDecision {
  PacketFate fate = PacketFate::accept;
  enum class Why : std::uint8_t {
    other,
    forging,    // it can forge a line of coturn's log
    cut_short,  // what could not be seen of it can
  };
  Why why = Why::other;
  struct Segment {
    TcpFlow flow;
    std::uint32_t payload_bytes = 0;
    // Goes on instead where its stream begins with it: only its first byte (detect/shortened_segment).
    std::vector<std::uint8_t> shortened = {};
  };
  std::optional<Segment> asked = std::nullopt;
};

// The kernel's word about a segment. Nothing of it is guessed.
struct SegmentProof {
  std::uint64_t before = 0;  // bytes that its connection's socket had received before it
  bool taken = false;        // and then exactly this payload more
};

}  // namespace coturn_guard
