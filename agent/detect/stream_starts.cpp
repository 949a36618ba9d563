// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/stream_starts.hpp"

namespace coturn_guard {

bool StreamStarts::follows(const TcpFlow& flow, std::uint64_t before) {
  if (before == 0) return true;
  const Begun* const begun = streams_.find(flow.remote);
  return begun != nullptr && begun->local == flow.local && begun->bytes.size() == before;
}

StreamStarts::Heard StreamStarts::take(const TcpFlow& flow, std::uint64_t before,
                                       std::span<const std::uint8_t> payload, std::size_t payload_bytes,
                                       Time now) {
  if (!follows(flow, before)) return {.enough = true};
  if (before == 0) streams_.erase(flow.remote);
  Heard heard;
  if (before > 0) heard.bytes = streams_.find(flow.remote)->bytes;
  heard.bytes.insert(heard.bytes.end(), payload.begin(), payload.end());
  const auto content = recognise_payload(heard.bytes, before + payload_bytes, Transport::tcp);
  // What is undecided is shorter than a STUN header. Not all of it was copied: that does not happen.
  heard.enough = content.kind != PacketKind::undecided || payload.size() != payload_bytes;
  heard.known = content.kind != PacketKind::undecided;
  if (heard.enough) {
    streams_.erase(flow.remote);
    return heard;
  }
  Begun& begun = streams_.touch(flow.remote, now);
  begun.local = flow.local;
  begun.bytes.insert(begun.bytes.end(), payload.begin(), payload.end());
  if (streams_.size() > kMost) {
    streams_.drop_oldest();
    ++evicted_;
  }
  return {};
}

}  // namespace coturn_guard
