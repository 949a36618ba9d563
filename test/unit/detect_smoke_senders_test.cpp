// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/smoke_senders.hpp"

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

using Time = SmokeSenders::Time;
const Time kStart{std::chrono::hours(1)};
const Address kSender = *Address::parse("203.0.113.66");

Address stranger(std::uint32_t number) {
  return Address::v4(0x0a000000U + number);
}

}  // namespace

TEST_CASE("the sender of the most packets stands first", "[detect][smoke]") {
  SmokeSenders senders;
  senders.note(stranger(1), Transport::tcp, kStart);
  for (int i = 0; i < 3; ++i) senders.note(kSender, Transport::udp, kStart);
  const auto most = senders.most(8);
  REQUIRE(most.size() == 2);
  CHECK(most[0].address == kSender);
  CHECK(most[0].packets == 3);
  CHECK(senders.in_words(kStart) ==
        "203.0.113.66 (3 packets over UDP), 10.0.0.1 (1 packets over TCP), as the packets claim");
}

TEST_CASE("forged senders do not push out the one that sends more than a share of the packets",
          "[detect][smoke]") {
  SmokeSenders senders;
  // One of ten packets is its own; each of the others bears another address.
  for (std::uint32_t i = 0; i < 100'000; ++i)
    senders.note(i % 10 == 0 ? kSender : stranger(i), Transport::udp, kStart);
  const auto most = senders.most(1);
  REQUIRE(most.size() == 1);
  CHECK(most[0].address == kSender);
  CHECK(most[0].packets <= 10'000);
  CHECK(senders.packets() == 100'000);
  CHECK(senders.most(1000).size() <= SmokeSenders::kMost);
  CHECK(senders.in_words(kStart).find(" of others, as the packets claim") != std::string::npos);
}

TEST_CASE("senders are forgotten after ten quiet minutes, and nobody is told of older ones",
          "[detect][smoke]") {
  SmokeSenders senders;
  CHECK(senders.in_words({}).empty());
  senders.note(kSender, Transport::udp, kStart);
  CHECK(senders.in_words(kStart + std::chrono::seconds(1)).empty());
  senders.note(stranger(1), Transport::udp, kStart + SmokeSenders::kForgotten);
  REQUIRE(senders.most(8).size() == 1);
  CHECK(senders.most(8)[0].address == stranger(1));
}
