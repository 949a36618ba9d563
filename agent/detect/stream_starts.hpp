// SPDX-License-Identifier: GPL-3.0-or-later
// What a client says first on a TCP connection, put together from as many segments as it takes to tell what
// it is: who sends "GET /" letter by letter says HTTP all the same. It is handed only what the kernel says
// that coturn's socket took, and at which place of the stream; it judges nobody.
//
// Bounded: of each connection fewer bytes than a STUN header has, of kMost connections. Entries are made only
// by real connections that began to say something and did not finish; the one that was silent longest is
// forgotten first, and then that one is not judged. Who opens that many to hide one of its own has said
// something strange on none of them, and each occupies a socket of coturn's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "detect/packet_kind.hpp"
#include "model/recent_table.hpp"
#include "model/segment.hpp"

namespace coturn_guard {

class StreamStarts {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMost = 4096;

  explicit StreamStarts(const HashSeed& seed) : streams_(seed) {}

  struct Heard {
    bool enough = false;  // nothing more needs to be heard of this connection
    // Whether it is known how it began; not where we came too late or it was forgotten.
    bool known = false;
    std::vector<std::uint8_t> bytes = {};  // how, where that is more than this payload
  };
  // `before`: bytes of the stream that came before this payload, which was taken.
  [[nodiscard]] Heard take(const TcpFlow& flow, std::uint64_t before, std::span<const std::uint8_t> payload,
                           std::size_t payload_bytes, Time now);
  // Whether what came before these many bytes is remembered, so that the next payload says more.
  [[nodiscard]] bool follows(const TcpFlow& flow, std::uint64_t before);

  [[nodiscard]] std::size_t size() const { return streams_.size(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct Begun {
    Endpoint local;
    std::vector<std::uint8_t> bytes;
  };

  // By the client's side: of two connections from there to two of coturn's ports the later one is known.
  RecentTable<Begun> streams_;
  std::uint64_t evicted_ = 0;
};

}  // namespace coturn_guard
