// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/gate_messages.hpp"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace coturn_guard;

namespace {

using Bytes = std::vector<char>;

void put_attribute(Bytes& out, std::uint16_t type, const Bytes& value) {
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), type};
  const auto* const raw = reinterpret_cast<const char*>(&header);
  out.insert(out.end(), raw, raw + sizeof header);
  out.insert(out.end(), value.begin(), value.end());
  out.resize((out.size() + 3) & ~std::size_t{3});
}
template <class T>
Bytes raw(const T& value) {
  const auto* const begin = reinterpret_cast<const char*>(&value);
  return {begin, begin + sizeof value};
}

// One packet as the kernel tells it.
Bytes told(std::uint32_t id, const Bytes& payload, std::uint32_t wire = 0) {
  nlmsghdr header{};
  header.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
  Bytes out = raw(header);
  const Bytes generic = raw(nfgenmsg{AF_INET, NFNETLINK_V0, htons(3478)});
  out.insert(out.end(), generic.begin(), generic.end());
  nfqnl_msg_packet_hdr packet{};
  packet.packet_id = htonl(id);
  put_attribute(out, NFQA_PACKET_HDR, raw(packet));
  if (wire != 0) put_attribute(out, NFQA_CAP_LEN, raw(htonl(wire)));
  put_attribute(out, NFQA_PAYLOAD, payload);
  header.nlmsg_len = static_cast<std::uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

// The verdict messages in a buffer: "accept 3", "drop 5".
std::vector<std::string> said(const Bytes& buffer) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at + sizeof(nlmsghdr) <= buffer.size();) {
    nlmsghdr header;
    std::memcpy(&header, buffer.data() + at, sizeof header);
    REQUIRE(header.nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH));
    nfqnl_msg_verdict_hdr verdict;
    std::memcpy(&verdict, buffer.data() + at + sizeof header + sizeof(nfgenmsg) + sizeof(nlattr),
                sizeof verdict);
    words.push_back((ntohl(verdict.verdict) == NF_ACCEPT ? "accept " : "drop ") +
                    std::to_string(ntohl(verdict.id)));
    at += header.nlmsg_len;
  }
  return words;
}

}  // namespace

TEST_CASE("packets of the queue are told with their number and length", "[source][gate]") {
  const Bytes message = told(7, {1, 2, 3}, 900);
  std::vector<std::uint32_t> ids;
  const auto taken = nfqueue::take_messages(message, [&](const nfqueue::QueuedPacket& queued) {
    ids.push_back(queued.id);
    CHECK(queued.packet.bytes.size() == 3);
    CHECK(queued.packet.wire_bytes == 900);
  });
  CHECK(ids == std::vector<std::uint32_t>{7});
  CHECK(taken.malformed == 0);
}

TEST_CASE("a message of the queue that ends anywhere is malformed, never read past its end",
          "[source][gate]") {
  const Bytes whole = told(7, Bytes(40, 'x'), 900);
  for (std::size_t size = 1; size < whole.size(); ++size) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    bool packet = false;
    const auto taken = nfqueue::take_messages(cut, [&](const nfqueue::QueuedPacket&) { packet = true; });
    INFO(size);
    CHECK_FALSE(packet);
    CHECK(taken.malformed == 1);
    if (size < sizeof(nlmsghdr)) continue;
    // And where the message itself says that it is so short.
    nlmsghdr header;
    std::memcpy(&header, cut.data(), sizeof header);
    header.nlmsg_len = static_cast<std::uint32_t>(size);
    std::memcpy(cut.data(), &header, sizeof header);
    static_cast<void>(nfqueue::take_messages(
        cut, [](const nfqueue::QueuedPacket& queued) { CHECK(queued.packet.bytes.size() <= 40); }));
  }
}

TEST_CASE("a message that claims two gigabytes and more ends the reading", "[source][gate]") {
  Bytes message = told(7, Bytes(40, 'x'));
  for (const std::uint32_t length : {0x80000000U, 0xfffffff0U, 15U, 0U}) {
    std::memcpy(message.data(), &length, sizeof length);
    CHECK(nfqueue::take_messages(message, [](const nfqueue::QueuedPacket&) {}).malformed == 1);
  }
}

TEST_CASE("what follows one another with the same fate is one verdict", "[source][gate]") {
  Bytes out;
  nfqueue::Verdicts verdicts(out, 3478);
  for (std::uint32_t id = 1; id <= 4; ++id) verdicts.add(id, PacketFate::accept);
  for (std::uint32_t id = 5; id <= 6; ++id) verdicts.add(id, PacketFate::drop);
  verdicts.add(7, PacketFate::accept);
  verdicts.finish();
  verdicts.finish();
  CHECK(said(out) == std::vector<std::string>{"accept 4", "drop 6", "accept 7"});
}

TEST_CASE("no packet, no verdict", "[source][gate]") {
  Bytes out;
  nfqueue::Verdicts(out, 3478).finish();
  CHECK(out.empty());
}

TEST_CASE("the kernel's refusal is told by its number", "[source][gate]") {
  nlmsghdr header{};
  header.nlmsg_type = NLMSG_ERROR;
  header.nlmsg_len = sizeof header + sizeof(nlmsgerr);
  nlmsgerr error{};
  error.error = -EPERM;
  Bytes message = raw(header);
  const Bytes body = raw(error);
  message.insert(message.end(), body.begin(), body.end());
  const auto taken = nfqueue::take_messages(message, [](const nfqueue::QueuedPacket&) {});
  CHECK(taken.refused == EPERM);
  CHECK(taken.refusals == 1);
  CHECK_FALSE(taken.acknowledged);
}
