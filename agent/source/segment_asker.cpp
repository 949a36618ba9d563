// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/segment_asker.hpp"

#include <algorithm>

namespace coturn_guard {
namespace {

constexpr int kLooksAtOnce = 3;
// include/net/tcp_states.h. Of what TIME_WAIT leaves, and of a request that is no socket as yet, the kernel
// tells no counters.
constexpr std::uint8_t kSynReceived = 3, kTimeWait = 6, kClosed = 7, kListen = 10, kNewSynReceived = 12;
constexpr std::uint8_t kCloseWait = 8, kLastAck = 9, kClosing = 11;

// The kernel counts the client's FIN as one byte more (tcp_rcv_nxt_update()), and a FIN that bears nothing
// passes without waiting for us: it is no byte of any segment.
std::uint64_t data_bytes(const sock_diag::Socket& socket) {
  const bool finished = socket.state == kCloseWait || socket.state == kLastAck || socket.state == kClosing;
  return socket.received_bytes - (finished && socket.received_bytes > 0 ? 1 : 0);
}

}  // namespace

SegmentAsker::Look SegmentAsker::look(const Asked& asked) {
  const auto answer = ask_(asked.segment.flow, asked.interface);
  if (!answer) return {Standing::unknown};
  if (!*answer) return {};
  const auto& socket = **answer;
  switch (socket.state) {
    case kSynReceived:
    case kNewSynReceived: return {Standing::opening};
    case 0:
    case 2:  // we opened it ourselves
    case kTimeWait:
    case kClosed:
    case kListen: return {};
    default: break;
  }
  return socket.counted ? Look{Standing::whole, data_bytes(socket), socket.cookie} : Look{};
}

bool SegmentAsker::took(const Look& look, const Asked& asked) {
  const bool same = asked.cookie == decltype(asked.cookie){} || asked.cookie == look.cookie;
  return same && look.standing == Standing::whole &&
         look.received == asked.before + asked.segment.payload_bytes;
}

bool SegmentAsker::may_take(const Look& look, const Asked& asked) {
  switch (look.standing) {
    case Standing::whole: return look.received == asked.before;
    case Standing::opening: return asked.opens;
    case Standing::none: return asked.cookie != decltype(asked.cookie){};  // gone: its end tells
    case Standing::unknown: return false;
  }
  return false;
}

bool SegmentAsker::goes_on(const PacketDecision::Segment& segment, std::uint32_t interface) {
  now_asked_ = {.segment = segment, .interface = interface};
  const Look before = look(now_asked_);
  if (before.standing == Standing::unknown) {
    ++counters_.unasked;
    return false;
  }
  // What of this connection still waits is decided by what is there now: from here on its bytes may be
  // another segment's.
  settle(segment.flow, before);
  now_asked_.before = before.received;
  now_asked_.opens = before.standing == Standing::none;
  now_asked_.cookie = before.cookie;
  return true;
}

void SegmentAsker::settle(const TcpFlow& flow, const Look& look) {
  for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
    if (!(waiting->asked.segment.flow == flow)) {
      ++waiting;
      continue;
    }
    const Waiting settled = std::move(*waiting);
    waiting = waiting_.erase(waiting);
    const bool taken = took(look, settled.asked);
    ++(taken ? counters_.proven : counters_.unproven);
    if (taken) tell(settled, true);
  }
}

void SegmentAsker::went_on(const Packet& packet, Time now) {
  Look after = look(now_asked_);
  for (int looks = 1;
       looks < kLooksAtOnce && after.standing == Standing::whole && after.received == now_asked_.before;
       ++looks)
    after = look(now_asked_);
  const SegmentProof proof{.before = now_asked_.before, .taken = took(after, now_asked_)};
  if (proof.taken) {
    ++counters_.proven;
    return told_(packet, proof);
  }
  // It said something before: that is all that matters where nobody follows what it says.
  if (proof.before > 0) told_(packet, proof);
  if (may_take(after, now_asked_)) return keep(packet, now);
  ++(after.standing == Standing::unknown ? counters_.unasked : counters_.unproven);
}

void SegmentAsker::keep(const Packet& packet, Time now) {
  if (waiting_.size() >= kMostWaiting) {
    ++counters_.unasked;
    auto out =
        std::find_if(waiting_.begin(), waiting_.end(), [](const Waiting& one) { return one.asked.opens; });
    if (out == waiting_.end() && now_asked_.opens) return;
    waiting_.erase(out == waiting_.end() ? waiting_.begin() : out);
  }
  waiting_.push_back({.asked = now_asked_,
                      .bytes = {packet.bytes.begin(), packet.bytes.end()},
                      .wire_bytes = packet.wire_bytes,
                      .since = now});
}

void SegmentAsker::tell(const Waiting& waiting, bool taken) {
  told_({.bytes = waiting.bytes, .wire_bytes = waiting.wire_bytes},
        {.before = waiting.asked.before, .taken = taken});
}

void SegmentAsker::again(Time now) {
  std::vector<Waiting> waited;
  waited.swap(waiting_);
  for (auto& one : waited) {
    const Look there = look(one.asked);
    const bool opening = there.standing == Standing::opening;
    if (took(there, one.asked)) {
      ++counters_.proven;
      tell(one, true);
    } else if (may_take(there, one.asked) && now - one.since < (opening ? kLongestOpening : kLongest)) {
      waiting_.push_back(std::move(one));
    } else {
      ++(there.standing == Standing::unknown ? counters_.unasked : counters_.unproven);
    }
  }
}

void SegmentAsker::ended(const sock_diag::Socket& socket) {
  const auto one = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) {
    return waiting.asked.cookie == socket.cookie;
  });
  if (one == waiting_.end()) return;
  const Waiting settled = std::move(*one);
  waiting_.erase(one);
  // Whether there was a FIN is not told any more. Other bytes would have come through the gate, and have
  // settled this one before: only of a single byte it cannot be told whether it was one.
  const std::uint64_t bytes = settled.asked.segment.payload_bytes;
  const std::uint64_t more = socket.received_bytes - settled.asked.before;
  const bool taken = socket.counted && (more == bytes + 1 || (more == bytes && bytes > 1));
  ++(taken ? counters_.proven : counters_.unproven);
  if (taken) tell(settled, true);
}

void SegmentAsker::behind() {
  counters_.unasked += waiting_.size();
  waiting_.clear();
}

}  // namespace coturn_guard
