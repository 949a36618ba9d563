// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_wire.hpp"

#include "enforce/nft_message.hpp"
#include "support/catch.hpp"

using namespace coturn_guard;
using namespace std::chrono_literals;
using Kind = OrderFate::Kind;

namespace {

// One wire, whose kernel the test plays.
struct Turn {
  explicit Turn(const std::vector<std::string>& prefixes, bool alone = false) {
    for (const auto& text : prefixes) orders.push_back({.prefix = *Prefix::parse(text), .alone = alone});
  }

  void ban(std::chrono::seconds duration) {
    for (const auto& order : orders) table.ban(order.prefix, now + duration, now);
  }
  // The numbers of the messages that were written, without the transaction's end.
  std::vector<Message> write() {
    bytes.clear();
    written = wire.write(
        bytes, [this] { return ++sequence; }, orders, now);
    fates.assign(written, OrderFate{});
    std::vector<Message> all;
    ByteView rest = bytes;
    while (const auto message = next_message(rest)) all.push_back(*message);
    return all;
  }
  void answer(std::uint32_t number, int error) {
    struct {
      nlmsghdr header;
      std::int32_t error;
      nlmsghdr echo;
    } told{};
    told.header = {.nlmsg_len = sizeof told,
                   .nlmsg_type = NLMSG_ERROR,
                   .nlmsg_flags = 0,
                   .nlmsg_seq = number,
                   .nlmsg_pid = 0};
    told.error = -error;
    ByteView rest(reinterpret_cast<const std::uint8_t*>(&told), sizeof told);
    wire.read(*next_message(rest), std::span(orders).first(written), fates);
  }
  [[nodiscard]] bool all(Kind kind) const {
    return std::all_of(fates.begin(), fates.end(), [&](const OrderFate& fate) { return fate.kind == kind; });
  }

  BanTable::Time now{1h};
  BanTable table{1000, 2147483s, HashSeed{1, 2}};
  NftablesWire wire{table};
  std::vector<Order> orders;
  std::vector<OrderFate> fates;
  Bytes bytes;
  std::size_t written = 0;
  std::uint32_t sequence = 100;
};

unsigned command(const Message& message) {
  return message.type & 0xffU;
}

}  // namespace

TEST_CASE("a turn is one transaction, and new bans are one message of it", "[enforce][nftables]") {
  Turn turn({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  turn.ban(600s);
  const auto messages = turn.write();
  REQUIRE(messages.size() == 3);
  CHECK(messages[0].type == NFNL_MSG_BATCH_BEGIN);
  CHECK(command(messages[1]) == NFT_MSG_NEWSETELEM);
  CHECK((messages[1].flags & NLM_F_EXCL) != 0);
  CHECK((messages[1].flags & NLM_F_ACK) != 0);
  CHECK(messages[2].type == NFNL_MSG_BATCH_END);
  CHECK(turn.all(Kind::waits));
  turn.answer(messages[1].sequence, 0);
  CHECK(turn.all(Kind::done));
}

TEST_CASE("a longer ban is made, removed and made again in one transaction", "[enforce][nftables]") {
  Turn turn({"192.0.2.1"});
  turn.ban(600s);
  turn.answer(turn.write().at(1).sequence, 0);
  turn.ban(900s);
  const auto messages = turn.write();
  REQUIRE(messages.size() == 5);
  CHECK(command(messages[1]) == NFT_MSG_NEWSETELEM);
  CHECK((messages[1].flags & NLM_F_EXCL) == 0);
  CHECK(command(messages[2]) == NFT_MSG_DELSETELEM);
  CHECK(command(messages[3]) == NFT_MSG_NEWSETELEM);
  turn.answer(messages[3].sequence, 0);
  CHECK(turn.all(Kind::done));
}

TEST_CASE("one refusal is the end of the whole turn", "[enforce][nftables]") {
  Turn turn({"192.0.2.1", "192.0.2.2"});
  turn.ban(600s);
  const auto messages = turn.write();
  SECTION("of a set that is gone, or holds something else: it is looked at first") {
    turn.answer(messages[1].sequence, GENERATE(ENOENT, EEXIST, EINVAL));
    CHECK(turn.all(Kind::suspect));
  }
  SECTION("for another reason: one by one, to find whose it is") {
    turn.answer(messages[1].sequence, ENOMEM);
    CHECK(turn.all(Kind::again));
    CHECK(turn.fates[0].alone);
    for (auto& order : turn.orders) order.alone = true;
    const auto lone = turn.write();
    CHECK(turn.written == 1);
    turn.answer(lone[1].sequence, ENOMEM);
    CHECK(turn.all(Kind::failed));
    CHECK(turn.fates[0].code == std::errc::not_enough_memory);
  }
  SECTION("of the transaction itself") {
    turn.answer(messages[0].sequence, EPERM);
    CHECK(turn.all(Kind::again));
  }
  // What was refused is not taken for done: it is new to the kernel again.
  const auto again = turn.write();
  REQUIRE(again.size() == 3);
  CHECK((again[1].flags & NLM_F_EXCL) != 0);
}

TEST_CASE("where nothing has to be said the kernel is asked something all the same", "[enforce][nftables]") {
  Turn turn({"192.0.2.1"});  // no ban, and not in the kernel
  const auto messages = turn.write();
  REQUIRE(messages.size() == 1);
  CHECK(command(messages[0]) == NFT_MSG_GETGEN);
  turn.answer(messages[0].sequence, 0);
  CHECK(turn.all(Kind::done));
}

TEST_CASE("an answer that was lost makes the set suspect", "[enforce][nftables]") {
  Turn turn({"192.0.2.1"});
  turn.ban(600s);
  const auto messages = turn.write();
  turn.wire.give_up(turn.orders, turn.fates, true);
  CHECK(turn.all(Kind::suspect));
  turn.fates[0] = {};
  turn.answer(messages[1].sequence, 0);  // of an earlier turn
  CHECK(turn.all(Kind::waits));
}
