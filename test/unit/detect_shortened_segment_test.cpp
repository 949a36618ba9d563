// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/shortened_segment.hpp"

#include <numeric>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

using Bytes = std::vector<std::uint8_t>;

// Of an even number of bytes, or padded.
std::uint16_t sum(const Bytes& bytes) {
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) total += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}
Bytes with_addresses(const Bytes& packet) {
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t header = v4 ? 20 : 40;
  Bytes all(packet.begin() + (v4 ? 12 : 8), packet.end());
  if (all.size() % 2 != 0) all.push_back(0);
  all.insert(all.end(), {0, 6, 0, static_cast<std::uint8_t>(packet.size() - header)});
  return all;
}
Bytes packet_of(bool v4, std::uint8_t flags, const Bytes& payload) {
  const std::size_t header = v4 ? 20 : 40;
  Bytes out(header + 20, 0);
  out.insert(out.end(), payload.begin(), payload.end());
  if (v4) {
    out[0] = 0x45;
    out[3] = static_cast<std::uint8_t>(out.size());
    out[8] = 64;
    out[9] = 6;
    std::iota(out.begin() + 12, out.begin() + 20, std::uint8_t{1});
  } else {
    out[0] = 0x60;
    out[5] = static_cast<std::uint8_t>(out.size() - 40);
    out[6] = 6;
    out[7] = 64;
    std::iota(out.begin() + 8, out.begin() + 40, std::uint8_t{1});
  }
  out[header] = 0x40;
  out[header + 2] = 0x0d;
  out[header + 3] = 0x96;
  out[header + 7] = 7;  // its number
  out[header + 12] = 0x50;
  out[header + 13] = flags;
  const std::uint16_t check = static_cast<std::uint16_t>(~sum(with_addresses(out)));
  out[header + 16] = static_cast<std::uint8_t>(check >> 8);
  out[header + 17] = static_cast<std::uint8_t>(check);
  return out;
}
const Bytes kText{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T', 'T', 'P', '/', '1', '.'};

}  // namespace

TEST_CASE("a segment is cut to its first byte, with right checksums and without its end", "[detect][gate]") {
  for (const bool v4 : {true, false}) {
    CAPTURE(v4);
    const Bytes whole = packet_of(v4, 0x19, kText);  // FIN, PSH, ACK
    const Bytes cut = shortened_segment(whole, whole.size());
    const std::size_t header = v4 ? 20 : 40;
    REQUIRE(cut.size() == header + 21);
    CHECK(cut.back() == 'G');
    CHECK(cut[header + 13] == 0x18);
    CHECK(cut[header + 7] == 7);
    CHECK(sum(with_addresses(cut)) == 0xffff);
    if (v4) {
      CHECK(cut[3] == cut.size());
      CHECK(sum(Bytes(cut.begin(), cut.begin() + 20)) == 0xffff);
    } else {
      CHECK(cut[5] == 21);
    }
  }
}

TEST_CASE("what may not be cut goes on whole", "[detect][gate]") {
  Bytes damaged = packet_of(true, 0x18, kText);
  damaged.back() ^= 1;
  CHECK(shortened_segment(damaged, damaged.size()).empty());
  for (const std::uint8_t flags : {std::uint8_t{0x02}, std::uint8_t{0x38}}) {
    const Bytes opens = packet_of(true, flags, kText);
    CHECK(shortened_segment(opens, opens.size()).empty());
  }
  const Bytes one = packet_of(true, 0x18, {'G'});
  CHECK(shortened_segment(one, one.size()).empty());
  const Bytes part = packet_of(true, 0x18, kText);
  CHECK(shortened_segment({part.data(), part.size() - 3}, part.size()).empty());
  CHECK(shortened_segment({}, 0).empty());
}
