// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/stream_starts.hpp"

#include <string>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

const StreamStarts::Time kNow{std::chrono::hours(1)};

TcpFlow flow(std::uint16_t port, std::uint16_t local = 3478) {
  return {.local = {*Address::parse("198.51.100.10"), local},
          .remote = {*Address::parse("203.0.113.66"), port}};
}
StreamStarts::Heard says(StreamStarts& starts, const TcpFlow& who, std::uint64_t before,
                         const std::string& text) {
  return starts.take(who, before, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                     text.size(), kNow);
}

}  // namespace

TEST_CASE("what begins a stream is known as soon as it can be told", "[detect][stream]") {
  StreamStarts starts({1, 2});
  const auto whole = says(starts, flow(1), 0, "SSH-2.0-Go\r\n");
  CHECK(whole.enough);
  CHECK(whole.known);
  CHECK_FALSE(says(starts, flow(2), 0, "PRO").enough);
  CHECK_FALSE(says(starts, flow(2), 3, "XY TC").enough);
  CHECK(starts.size() == 1);
  const auto proxy = says(starts, flow(2), 8, "P4 192.0.2.1 192.0.2.2 1 2\r\n");
  CHECK(proxy.enough);
  CHECK(proxy.known);
  CHECK(proxy.bytes.size() == 36);
  CHECK(starts.size() == 0);
}

TEST_CASE("what comes elsewhere in the stream is no beginning", "[detect][stream]") {
  StreamStarts starts({1, 2});
  const auto later = says(starts, flow(1), 100, "GET / HTTP/1.1\r\n");
  CHECK(later.enough);
  CHECK_FALSE(later.known);
  // One byte is remembered; at another place nothing is known of the stream.
  CHECK_FALSE(says(starts, flow(1), 0, "P").enough);
  CHECK(starts.follows(flow(1), 1));
  CHECK_FALSE(starts.follows(flow(1), 2));
  CHECK_FALSE(starts.follows(flow(1, 5349), 1));
  CHECK_FALSE(says(starts, flow(1), 7, "GET / HTTP/1.1\r\n").known);
}

TEST_CASE("a port that is used again begins anew", "[detect][stream]") {
  StreamStarts starts({1, 2});
  CHECK_FALSE(says(starts, flow(1), 0, "PR").enough);
  CHECK(says(starts, flow(1), 0, "GET / HTTP/1.1\r\n").known);
  CHECK(starts.size() == 0);
}

TEST_CASE("half-said beginnings are bounded, and the oldest is forgotten first", "[detect][stream]") {
  StreamStarts starts({1, 2});
  for (std::size_t i = 0; i < StreamStarts::kMost + 100; ++i)
    static_cast<void>(says(starts, flow(static_cast<std::uint16_t>(i + 1)), 0, "P"));
  CHECK(starts.size() == StreamStarts::kMost);
  CHECK(starts.evicted() == 100);
  CHECK_FALSE(starts.follows(flow(100), 1));
  CHECK(starts.follows(flow(101), 1));
}
