// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/gate_messages.hpp"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace coturn_guard::nfqueue {
namespace {

constexpr std::size_t kLongestRequest = 256;

template <class Fill>
void append(std::vector<char>& out, int type, std::uint16_t queue, Fill&& fill) {
  alignas(nlmsghdr) std::array<char, kLongestRequest> buffer{};
  nlmsghdr* const message = nfq_nlmsg_put(buffer.data(), type, queue);
  fill(message);
  out.insert(out.end(), buffer.data(), buffer.data() + ((message->nlmsg_len + 3U) & ~3U));
}

// Absent id: it is no packet.
bool read_packet(const nlmsghdr* message, QueuedPacket& queued) {
  std::array<nlattr*, NFQA_MAX + 1> attributes{};
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nfgenmsg) ||
      nfq_nlmsg_parse(message, attributes.data()) < 0)
    return false;
  const nlattr* const header = attributes[NFQA_PACKET_HDR];
  if (header == nullptr || mnl_attr_get_payload_len(header) < sizeof(nfqnl_msg_packet_hdr)) return false;
  nfqnl_msg_packet_hdr packet;
  std::memcpy(&packet, mnl_attr_get_payload(header), sizeof packet);
  queued.id = ntohl(packet.packet_id);
  if (const nlattr* const payload = attributes[NFQA_PAYLOAD])
    queued.packet.bytes = {static_cast<const std::uint8_t*>(mnl_attr_get_payload(payload)),
                           mnl_attr_get_payload_len(payload)};
  queued.packet.wire_bytes = queued.packet.bytes.size();
  if (const nlattr* const length = attributes[NFQA_CAP_LEN];
      length != nullptr && mnl_attr_get_payload_len(length) == 4)
    queued.packet.wire_bytes =
        std::max<std::size_t>(queued.packet.wire_bytes, ntohl(mnl_attr_get_u32(length)));
  return true;
}

void read_error(const nlmsghdr* message, Taken& taken) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) {
    ++taken.malformed;
    return;
  }
  nlmsgerr error;
  std::memcpy(&error, mnl_nlmsg_get_payload(message), sizeof error);
  if (error.error == 0) {
    taken.acknowledged = true;
  } else {
    taken.refused = -error.error;
    ++taken.refusals;
  }
}

}  // namespace

Taken take_messages(std::span<const char> received, const std::function<void(const QueuedPacket&)>& take) {
  Taken taken;
  constexpr int kPacket = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
  // Not by mnl_nlmsg_ok(): that takes a length beyond INT_MAX for a negative one, and goes on for ever.
  while (received.size() >= sizeof(nlmsghdr)) {
    const auto* const message = reinterpret_cast<const nlmsghdr*>(received.data());
    if (message->nlmsg_len < sizeof(nlmsghdr) || message->nlmsg_len > received.size()) break;
    QueuedPacket queued;
    if (message->nlmsg_type == NLMSG_ERROR)
      read_error(message, taken);
    else if (message->nlmsg_type == kPacket && read_packet(message, queued))
      take(queued);
    else if (message->nlmsg_type != NLMSG_NOOP)
      ++taken.malformed;
    const std::size_t whole = (std::size_t{message->nlmsg_len} + 3) & ~std::size_t{3};
    received = received.subspan(std::min(whole, received.size()));
  }
  if (!received.empty()) ++taken.malformed;
  return taken;
}

void put_bind(std::vector<char>& out, std::uint16_t queue, int copy_bytes, std::uint32_t queue_length) {
  append(out, NFQNL_MSG_CONFIG, queue, [&](nlmsghdr* message) {
    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, copy_bytes);
    nfq_nlmsg_cfg_put_qmaxlen(message, queue_length);
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO));
    mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO));
    message->nlmsg_flags |= NLM_F_ACK;
  });
}

void put_harmless(std::vector<char>& out) {
  append(out, NFQNL_MSG_CONFIG, 0, [](nlmsghdr* message) {
    nfq_nlmsg_cfg_put_cmd(message, AF_INET, NFQNL_CFG_CMD_PF_UNBIND);  // without effect since Linux 3.8
    message->nlmsg_flags |= NLM_F_ACK;
  });
}

void Verdicts::add(std::uint32_t id, PacketFate fate) {
  if (any_ && fate != fate_) finish();
  any_ = true;
  last_ = id;
  fate_ = fate;
}

void Verdicts::finish() {
  if (!any_) return;
  any_ = false;
  append(out_, NFQNL_MSG_VERDICT_BATCH, queue_, [this](nlmsghdr* message) {
    nfq_nlmsg_verdict_put(message, static_cast<int>(last_), fate_ == PacketFate::drop ? NF_DROP : NF_ACCEPT);
  });
}

}  // namespace coturn_guard::nfqueue
