// SPDX-License-Identifier: GPL-3.0-or-later
// Whether coturn's kernel took a TCP segment that the gate held: the only proof that a client is behind it.
// A segment can be forged, and conntrack believes a forged one; the socket of the connection does not. So the
// socket is asked by its four numbers, before the segment goes on and again right behind it:
//
//   - it is a whole socket (its handshake is complete, which needs our answer to the client's SYN), and
//   - the bytes that it received are exactly as many more as the segment bears; a FIN is none.
//
// That is this very segment's doing, and not the next one's: until the gate has heard enough of a connection,
// each of its segments waits for the gate, and the gate lets one go at a time. A segment that somebody forges
// beside a living connection has to bear the very next number of its stream, which cannot be guessed blindly
// (RFC 5961); a wrong one moves no byte, however much the real client says afterwards. Two things are left.
// While more comes than the gate can look at, segments pass around it; then what waits is dropped from
// judgement (behind()), and the moment between the two questions is some millionths of a second. And with
// SYN cookies a guessed acknowledgement is right once in some 500 million: then TCP itself believes it.
//
// A socket that its program just holds takes the segment a moment later: then it waits here, for a bounded
// time, and is asked again. So does what a SYN bears (TCP fast open), until the handshake is complete. A
// socket that is gone by then, because its program has read and closed it at once, tells the bytes that it
// received when it ends; its cookie says that it is the same. One that coturn closes itself tells none
// (SO_LINGER 0 makes the kernel forget them): therefore only the first byte goes on of a beginning that is
// not coturn's, on which it waits for more. What cannot be told in time is told of nobody. No descriptor in
// here: who asks, and when, is handed in.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/segment.hpp"
#include "source/sock_diag_codec.hpp"
#include "util/result.hpp"

namespace coturn_guard {

struct SegmentCounters {
  std::uint64_t proven = 0;
  std::uint64_t unproven = 0;  // no socket took it
  std::uint64_t unasked = 0;   // the kernel did not answer, or too late
};

class SegmentAsker {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Ask =
      std::function<Result<std::optional<sock_diag::Socket>>(const TcpFlow&, std::uint32_t interface)>;
  using Told = std::function<void(const Packet&, const SegmentProof&)>;
  // Of those that wait, whole sockets go before openings, for anybody can forge a SYN; among equals the
  // oldest makes room.
  static constexpr std::size_t kMostWaiting = 64;
  static constexpr std::chrono::milliseconds kAgain{20};
  static constexpr std::chrono::milliseconds kLongest{300}, kLongestOpening{1500};

  SegmentAsker(Ask ask, Told told) : ask_(std::move(ask)), told_(std::move(told)) {}

  // Right before the packet goes on; then, right behind it, went_on(). False: there is nothing to ask.
  [[nodiscard]] bool goes_on(const PacketDecision::Segment& segment, std::uint32_t interface);
  void went_on(const Packet& packet, Time now);
  // In between: whether the packet is the first of its stream, and that only its first byte goes on.
  [[nodiscard]] bool begins() const { return now_asked_.before == 0; }
  void shorten() { now_asked_.segment.payload_bytes = 1; }
  // A socket that ended since goes_on().
  void ended(const sock_diag::Socket& socket);
  // Every kAgain while something waits.
  void again(Time now);
  [[nodiscard]] bool waits() const { return !waiting_.empty(); }
  // Segments may have passed us by.
  void behind();
  [[nodiscard]] const SegmentCounters& counters() const { return counters_; }

 private:
  struct Asked {
    PacketDecision::Segment segment;
    std::uint32_t interface = 0;
    std::uint64_t before = 0;
    bool opens = false;                     // there was nothing: it is a SYN, or bears a SYN cookie
    std::array<std::uint32_t, 2> cookie{};  // 0: there was no whole socket as yet
  };
  struct Waiting {
    Asked asked;
    std::vector<std::uint8_t> bytes;
    std::size_t wire_bytes = 0;
    Time since{};
  };
  enum class Standing : std::uint8_t { none, opening, whole, unknown };
  struct Look {
    Standing standing = Standing::none;
    std::uint64_t received = 0;
    std::array<std::uint32_t, 2> cookie{};
  };

  [[nodiscard]] Look look(const Asked& asked);
  // Whether the answer may still come.
  [[nodiscard]] static bool may_take(const Look& look, const Asked& asked);
  [[nodiscard]] static bool took(const Look& look, const Asked& asked);
  void settle(const TcpFlow& flow, const Look& look);
  void keep(const Packet& packet, Time now);
  void tell(const Waiting& waiting, bool taken);

  Ask ask_;
  Told told_;
  Asked now_asked_;
  std::vector<Waiting> waiting_;  // the oldest first
  SegmentCounters counters_;
};

}  // namespace coturn_guard
