// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel makes of it, test/adversary_cases/pages.py shows.
#include "enforce/logins_table.hpp"

#include <linux/netfilter/nfnetlink_log.h>

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

const logins_table::Wish kWish{.ports = {{3478, 3479}, {5349, 5349}}, .group = 34'780};

Message first_of(const Bytes& bytes) {
  ByteView rest = bytes;
  return next_message(rest).value();
}

}  // namespace

TEST_CASE("of coturn's answers over UDP only those to customers are told", "[enforce][logins]") {
  const std::vector<std::string> expected{
      "answers-to-customers: payload 2 12 4 > 1; cmp 1 1 2112a442; immediate 0 1; ",
      "answers-to-customers: meta 15 > 1; cmp 1 0 02; payload 1 16 4 > 1; lookup 1 in told-4 flags 0; "
      "immediate 0 1; ",
      "answers-to-customers: meta 15 > 1; cmp 1 0 0a; payload 1 24 16 > 1; lookup 1 in told-6 flags 0; "
      "immediate 0 1; ",
      "answers-to-customers: meta 15 > 1; cmp 1 0 02; payload 1 16 4 > 1; dynset 0 told-4 by 1; log group "
      "34780 bytes 1024; immediate 0 1; ",
      "answers-to-customers: meta 15 > 1; cmp 1 0 0a; payload 1 24 16 > 1; dynset 0 told-6 by 1; log group "
      "34780 bytes 1024; immediate 0 1; ",
      // Where the sets are full.
      "answers-to-customers: limit 1000 in 1 s; log group 34780 bytes 1024; immediate 0 1; ",
      "answers-by-port: payload 2 0 2 > 1; cmp 1 5 0d96; cmp 1 3 0d97; meta 16 > 1; cmp 1 0 11; immediate 0 "
      "4294967292 > answers-to-customers; ",
      "answers-by-port: payload 2 0 2 > 1; cmp 1 0 14e5; meta 16 > 1; cmp 1 0 11; immediate 0 4294967292 > "
      "answers-to-customers; ",
      // What a relay carries passes these two.
      "answers: payload 2 8 2 > 1; cmp 1 0 0103; immediate 0 4294967292 > answers-by-port; ",
      "answers: payload 2 8 2 > 1; cmp 1 0 0104; immediate 0 4294967292 > answers-by-port; "};
  CHECK(logins_table::describe(kWish) == expected);
}

TEST_CASE("the table is written in one transaction whose messages are whole", "[enforce][logins]") {
  Bytes bytes;
  CHECK(logins_table::put_install(bytes, 1, kWish) == 1 + 3 + 2 + 3 + 10);
  ByteView rest = bytes;
  std::size_t messages = 0;
  while (next_message(rest)) ++messages;
  CHECK(rest.empty());
  CHECK(messages == 3 + 2 + 3 + 10 + 2);
}

TEST_CASE("a group is bound by one message, and each packet comes at once", "[enforce][logins]") {
  Bytes bytes;
  logins_table::put_bind(bytes, 7, 34'780);
  const Message message = first_of(bytes);
  CHECK(message.type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG));
  CHECK(message.payload[2] == 34'780 >> 8);
  CHECK(message.payload[3] == (34'780 & 0xff));
  CHECK(find_attribute(message.attributes(), NFULA_CFG_CMD)->u8() == NFULNL_CFG_CMD_BIND);
  CHECK(find_attribute(message.attributes(), NFULA_CFG_QTHRESH)->network_u32() == 1);
}

TEST_CASE("of what the kernel hands over only a packet is one", "[enforce][logins]") {
  Bytes bytes;
  const std::uint8_t packet[] = {0x45, 0, 0, 28};
  MessageWriter(bytes, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET, 0, 0, 2).put(NFULA_PAYLOAD, packet);
  const auto found = logins_table::packet_of(first_of(bytes));
  REQUIRE(found);
  CHECK(Bytes(found->begin(), found->end()) == Bytes(std::begin(packet), std::end(packet)));
  Bytes empty, other;
  MessageWriter(empty, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET, 0, 0, 2).put_u8(NFULA_HWTYPE, 1);
  MessageWriter(other, NFNL_SUBSYS_QUEUE << 8 | NFULNL_MSG_PACKET, 0, 0, 2).put(NFULA_PAYLOAD, packet);
  CHECK_FALSE(logins_table::packet_of(first_of(empty)));
  CHECK_FALSE(logins_table::packet_of(first_of(other)));
}
