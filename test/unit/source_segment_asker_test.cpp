// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/segment_asker.hpp"

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;
using sock_diag::Socket;

namespace {

constexpr std::uint8_t kEstablished = 1, kSynReceived = 3, kTimeWait = 6, kCloseWait = 8, kLastAck = 9,
                       kClosing = 11;

TcpFlow flow(std::uint16_t port) {
  return {.local = {*Address::parse("198.51.100.10"), 3478},
          .remote = {*Address::parse("203.0.113.66"), port}};
}

// The kernel, as far as it has sockets, and what the gate was told.
struct World {
  std::map<std::uint16_t, Socket> sockets;  // by the client's port
  bool answers = true;
  int asked = 0;
  std::uint32_t payload_bytes = 5;
  std::vector<std::string> told;
  SegmentAsker::Time now{std::chrono::hours(1)};
  std::vector<std::uint8_t> text{'G', 'E', 'T', ' ', '/'};
  SegmentAsker asker{[this](const TcpFlow& which, std::uint32_t) -> Result<std::optional<Socket>> {
                       ++asked;
                       if (!answers) return fail(EPERM, "ask");
                       const auto found = sockets.find(which.remote.port);
                       return found == sockets.end() ? std::nullopt : std::optional(found->second);
                     },
                     [this](const Packet& packet, const SegmentProof& proof) {
                       CHECK(packet.bytes.size() == text.size());
                       told.push_back(std::to_string(proof.before) + (proof.taken ? " taken" : " not taken"));
                     }};

  void set(std::uint16_t port, std::uint8_t state, std::uint64_t received) {
    Socket socket;
    socket.state = state;
    socket.counted = state != kSynReceived && state != kTimeWait;
    socket.received_bytes = received;
    sockets[port] = socket;
  }
  // A segment of `payload_bytes`; what the kernel does with it in between is `then`.
  template <class Then>
  void segment(std::uint16_t port, Then&& then) {
    const bool asks = asker.goes_on({.flow = flow(port), .payload_bytes = payload_bytes}, 0);
    then();
    if (asks) asker.went_on({text, text.size()}, now);
  }
  void segment(std::uint16_t port) {
    segment(port, [] {});
  }
  using Words = std::vector<std::string>;
};

}  // namespace

TEST_CASE("a socket that has exactly this payload more proves the segment", "[source][segment]") {
  World world;
  world.set(1, kEstablished, 0);
  world.segment(1, [&] { world.set(1, kEstablished, 5); });
  world.set(2, kEstablished, 10);
  world.segment(2, [&] { world.set(2, kEstablished, 15); });
  CHECK(world.told == World::Words{"0 taken", "10 taken"});
  CHECK(world.asker.counters().proven == 2);
}

TEST_CASE("a segment that completes the handshake is proven by the socket that it made",
          "[source][segment]") {
  World world;
  world.set(1, kSynReceived, 0);
  world.segment(1, [&] { world.set(1, kEstablished, 5); });
  world.segment(2, [&] { world.set(2, kEstablished, 5); });  // SYN cookies: there was nothing before
  CHECK(world.told == World::Words{"0 taken", "0 taken"});
}

TEST_CASE("no socket, a request that is none as yet, and what is left of one prove nothing",
          "[source][segment]") {
  World world;
  world.set(2, kSynReceived, 0);
  world.set(3, kTimeWait, 5);
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 2, 3}) world.segment(port);
  CHECK(world.told.empty());
  CHECK_FALSE(world.asker.waits());
  CHECK(world.asker.counters().unproven == 3);
}

TEST_CASE("a forged segment beside a silent connection is not paid by what the client says next",
          "[source][segment]") {
  World world;
  world.set(1, kEstablished, 0);
  world.segment(1);  // its number is wrong: no byte moves
  CHECK(world.asker.waits());
  // The client's own five bytes come through the gate, too.
  world.segment(1, [&] { world.set(1, kEstablished, 5); });
  CHECK(world.told == World::Words{"0 taken"});
  CHECK(world.asker.counters().unproven == 1);
  world.now += std::chrono::seconds(1);
  world.asker.again(world.now);
  CHECK(world.told.size() == 1);
}

TEST_CASE("a socket that its program holds is asked again, for a while", "[source][segment]") {
  World world;
  world.set(1, kEstablished, 0);
  world.set(2, kEstablished, 0);
  world.segment(1);
  world.segment(2);
  world.now += SegmentAsker::kAgain;
  world.asker.again(world.now);
  CHECK(world.told.empty());
  world.set(1, kEstablished, 5);
  world.asker.again(world.now);
  CHECK(world.told == World::Words{"0 taken"});
  CHECK(world.asker.waits());
  world.now += SegmentAsker::kLongest;
  world.asker.again(world.now);
  CHECK_FALSE(world.asker.waits());
  world.set(2, kEstablished, 5);
  world.asker.again(world.now);
  CHECK(world.told.size() == 1);
}

TEST_CASE("more bytes than the segment bears are not its own", "[source][segment]") {
  World world;
  world.set(1, kEstablished, 0);
  world.segment(1, [&] { world.set(1, kEstablished, 6); });
  world.set(2, kEstablished, 0);
  world.segment(2, [&] { world.set(2, kEstablished, 4); });
  CHECK(world.told.empty());
  CHECK(world.asker.counters().unproven == 2);
}

TEST_CASE("a connection that has spoken before is told of at once", "[source][segment]") {
  World world;
  world.set(1, kEstablished, 28);
  world.segment(1);
  CHECK(world.told == World::Words{"28 not taken"});
}

TEST_CASE("a socket that is gone at once proves the segment by what it says at its end",
          "[source][segment]") {
  World world;
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 2, 3}) {
    world.set(port, kEstablished, 0);
    world.sockets[port].cookie = {port, 7};
    world.segment(port, [&] { world.sockets.erase(port); });
  }
  CHECK(world.asker.waits());
  Socket ended;
  ended.counted = true;
  ended.received_bytes = 5;
  ended.cookie = {99, 7};  // somebody else's
  world.asker.ended(ended);
  ended.cookie = {1, 7};
  world.asker.ended(ended);
  CHECK(world.told == World::Words{"0 taken"});
  ended.cookie = {2, 7};
  ended.received_bytes = 0;
  world.asker.ended(ended);
  world.now += SegmentAsker::kLongest;
  world.asker.again(world.now);
  CHECK_FALSE(world.asker.waits());
  CHECK(world.told.size() == 1);
  CHECK(world.asker.counters().unproven == 2);
}

TEST_CASE("of a shortened segment the socket has to take one byte", "[source][segment]") {
  World world;
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 2}) {
    world.set(port, kEstablished, 0);
    REQUIRE(world.asker.goes_on({.flow = flow(port), .payload_bytes = 5}, 0));
    CHECK(world.asker.begins());
    world.asker.shorten();
    world.set(port, kEstablished, port == 1 ? 1 : 5);
    world.asker.went_on({world.text, world.text.size()}, world.now);
  }
  CHECK(world.told == World::Words{"0 taken"});
}

TEST_CASE("a client that hangs up with what it says, or right behind it, has said it", "[source][segment]") {
  World world;
  // The kernel counts its FIN as one byte more.
  world.set(1, kEstablished, 0);
  world.segment(1, [&] { world.set(1, kCloseWait, 6); });
  for (const std::uint8_t state : std::initializer_list<std::uint8_t>{kLastAck, kClosing}) {
    world.set(2, kEstablished, 0);
    world.segment(2);  // its program holds the socket
    world.set(2, state, 6);
    world.asker.again(world.now);
  }
  world.set(3, kEstablished, 0);
  world.sockets[3].cookie = {3, 7};
  world.segment(3, [&] { world.sockets.erase(3); });
  Socket ended;
  ended.counted = true;
  ended.received_bytes = 6;
  ended.cookie = {3, 7};
  world.asker.ended(ended);
  CHECK(world.told == World::Words{"0 taken", "0 taken", "0 taken", "0 taken"});
  CHECK(world.asker.counters().unproven == 0);
}

TEST_CASE("a forged byte beside a silent connection is not paid by the FIN with which it ends",
          "[source][segment]") {
  World world;
  world.payload_bytes = 1;
  for (const std::uint16_t port : std::initializer_list<std::uint16_t>{1, 2, 3}) {
    world.set(port, kEstablished, 0);
    world.sockets[port].cookie = {port, 7};
    world.segment(port);
  }
  CHECK(world.asker.waits());
  const auto cookie = world.sockets[1].cookie;
  world.set(1, kCloseWait, 1);
  world.sockets[1].cookie = cookie;
  world.segment(1);  // one more settles the first
  world.asker.again(world.now);
  world.sockets.erase(2);
  Socket ended;
  ended.counted = true;
  ended.received_bytes = 1;
  ended.cookie = {2, 7};
  world.asker.ended(ended);
  CHECK(world.told.empty());
  ended.received_bytes = 2;  // the byte, and the FIN
  ended.cookie = {3, 7};
  world.asker.ended(ended);
  CHECK(world.told == World::Words{"0 taken"});
}

TEST_CASE("what a SYN bears counts when its handshake is complete", "[source][segment]") {
  World world;
  world.segment(1, [&] { world.set(1, kSynReceived, 0); });
  CHECK(world.asker.waits());
  world.now += SegmentAsker::kLongest * 2;
  world.asker.again(world.now);
  world.set(1, kEstablished, 5);
  world.asker.again(world.now);
  CHECK(world.told == World::Words{"0 taken"});
}

TEST_CASE("forged openings make no room for themselves among whole sockets", "[source][segment]") {
  World world;
  world.set(1, kEstablished, 0);
  world.segment(1);
  for (std::uint16_t port = 100; port < 1100; ++port)
    world.segment(port, [&] { world.set(port, kSynReceived, 0); });
  world.set(1, kEstablished, 5);
  world.asker.again(world.now);
  CHECK(world.told == World::Words{"0 taken"});
  CHECK(world.asker.counters().unasked == 1000 - (SegmentAsker::kMostWaiting - 1));
}

TEST_CASE("what the kernel does not answer, and what may have passed us by, is told of nobody",
          "[source][segment]") {
  World world;
  world.set(1, kEstablished, 0);
  world.segment(1);
  world.asker.behind();
  world.set(1, kEstablished, 5);
  world.asker.again(world.now);
  world.answers = false;
  world.segment(2);
  CHECK(world.told.empty());
  CHECK(world.asker.counters().unasked == 2);
}
