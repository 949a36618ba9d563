// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/packet_headers.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/packets.hpp"

using namespace coturn_guard;
using packets::Bytes;

namespace {

std::string word(const Bytes& packet, std::size_t wire = 0) {
  const auto headers = read_headers(packet, wire == 0 ? packet.size() : wire);
  if (headers) return "fine";
  switch (headers.error()) {
    case HeaderTrouble::truncated: return "truncated";
    case HeaderTrouble::malformed: return "malformed";
    case HeaderTrouble::later_fragment: return "later fragment";
    case HeaderTrouble::other_protocol: return "other protocol";
  }
  return "?";
}

}  // namespace

TEST_CASE("UDP over IPv4 is read, options and all", "[detect][packet]") {
  const Bytes packet = packets::v4(packets::udp(4000, 3478, {1, 2, 3}), {.options = 12});
  const auto headers = read_headers(packet, packet.size());
  REQUIRE(headers);
  CHECK(headers->transport == Transport::udp);
  CHECK(headers->source.address.to_string() == "203.0.113.66");
  CHECK(headers->destination.address.to_string() == "198.51.100.10");
  CHECK(headers->source.port == 4000);
  CHECK(headers->destination.port == 3478);
  CHECK(headers->payload_bytes == 3);
  CHECK(Bytes(headers->payload.begin(), headers->payload.end()) == Bytes{1, 2, 3});
}

TEST_CASE("TCP over IPv6 is read behind extension headers", "[detect][packet]") {
  const Bytes packet =
      packets::v6(packets::tcp(4000, 5349, {9, 9}), {.protocol = 6, .extensions = {0, 60, 43}});
  const auto headers = read_headers(packet, packet.size());
  REQUIRE(headers);
  CHECK(headers->transport == Transport::tcp);
  CHECK(headers->source.address.to_string() == "2001:db8:bad::66");
  CHECK(headers->destination.port == 5349);
  CHECK(headers->payload_bytes == 2);
  CHECK(headers->extended);
  CHECK(headers->payload_at == packet.size() - 2);
  CHECK(headers->upper_at == packet.size() - 22);
}

TEST_CASE("it is told where payload and header begin, and which flags TCP has", "[detect][packet]") {
  const Bytes udp = packets::v4(packets::udp(4000, 3478, {1, 2, 3}), {.options = 12});
  const auto datagram = read_headers(udp, udp.size());
  REQUIRE(datagram);
  CHECK((datagram->upper_at == 32 && datagram->payload_at == 40 && datagram->flags == 0));
  Bytes end = packets::v6(packets::tcp(4000, 5349, {}), {.protocol = 6, .extensions = {}});
  end[40 + 13] = 0x11;
  const auto segment = read_headers(end, end.size());
  REQUIRE(segment);
  CHECK((segment->upper_at == 40 && segment->payload_at == 60 && !segment->extended));
  CHECK((segment->flags & PacketHeaders::kFin) != 0);
  CHECK((segment->flags & PacketHeaders::kRst) == 0);
}

TEST_CASE("a packet that ends anywhere is truncated, never read past its end", "[detect][packet]") {
  for (const Bytes& whole : {packets::v4(packets::udp(1, 2, {1, 2, 3}), {.options = 8}),
                             packets::v6(packets::udp(1, 2, {1}), {.extensions = {0, 60}}),
                             packets::v4(packets::tcp(1, 2, {1}), {.protocol = 6})}) {
    const std::size_t payload = read_headers(whole, whole.size())->payload_bytes;
    for (std::size_t size = 0; size + payload < whole.size(); ++size) {
      INFO(size);
      CHECK(word(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), whole.size()) ==
            "truncated");
    }
  }
}

TEST_CASE("what the kernel copied of a long packet is told from what it is", "[detect][packet]") {
  const Bytes whole = packets::v4(packets::udp(1, 2, Bytes(500, 7)));
  const Bytes copy(whole.begin(), whole.begin() + 128);
  const auto headers = read_headers(copy, whole.size());
  REQUIRE(headers);
  CHECK(headers->payload.size() == 100);
  CHECK(headers->payload_bytes == 500);
}

TEST_CASE("the first fragment speaks of more than it holds, later ones of nothing", "[detect][packet]") {
  Bytes udp = packets::udp(1, 2, Bytes(64, 7));
  udp[4] = 0x03, udp[5] = 0xe8;  // 1000 bytes in all
  const auto headers = read_headers(packets::v4(udp, {.fragment = 0x2000}), 20 + udp.size());
  REQUIRE(headers);
  CHECK(headers->payload.size() == 64);
  CHECK(headers->payload_bytes == 992);
  CHECK(word(packets::v4(udp, {.fragment = 0x2010})) == "later fragment");
  CHECK(word(packets::v4(udp, {.fragment = 0x0010})) == "later fragment");
  CHECK(word(packets::v4(udp)) == "malformed");  // without the flag it is a lie
  CHECK(word(packets::v6(udp, {.extensions = {44}, .fragment = 0x0001})) == "fine");
  CHECK(word(packets::v6(udp, {.extensions = {44}, .fragment = 0x0101})) == "later fragment");
}

TEST_CASE("headers that contradict each other are malformed", "[detect][packet]") {
  Bytes packet = packets::v4(packets::udp(1, 2, {1, 2, 3}));
  packet[0] = 0x44;  // a header of 16 bytes
  CHECK(word(packet) == "malformed");
  packet = packets::v4(packets::udp(1, 2, {1, 2, 3}));
  packet[3] = 200;  // longer than it is
  CHECK(word(packet) == "malformed");
  packet = packets::v4(packets::udp(1, 2, {1, 2, 3}));
  packet[25] = 7;  // UDP shorter than its own header
  CHECK(word(packet) == "malformed");
  packet = packets::v4(packets::tcp(1, 2, {}), {.protocol = 6});
  packet[32] = 0x40;  // TCP, too
  CHECK(word(packet) == "malformed");
  packet[0] = 0x75;
  CHECK(word(packet) == "malformed");
  CHECK(word(packets::v4({1, 2, 3})) == "malformed");
  CHECK(word(packets::v4({1, 2, 3}, {.protocol = 1})) == "other protocol");
  CHECK(word(packets::v6(packets::udp(1, 2, {}), {.extensions = {60, 60, 60, 60, 60, 60, 60, 60, 60}})) ==
        "malformed");
  CHECK(word({}) == "truncated");
}

TEST_CASE("a frame's padding is no payload, and UDP may have none", "[detect][packet]") {
  Bytes packet = packets::v4(packets::udp(1, 2, {}));
  packet.resize(60);
  const auto headers = read_headers(packet, packet.size());
  REQUIRE(headers);
  CHECK(headers->payload.empty());
  CHECK(headers->payload_bytes == 0);
}
