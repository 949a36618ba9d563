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
#include <cerrno>
#include <cstring>

namespace coturn_guard::nfqueue {
namespace {

constexpr std::size_t kLongestRequest = 256;
constexpr std::size_t kLongestReplacement = 160;  // so that it has room in there with its headers

constexpr std::size_t aligned(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

template <class Fill>
void append(std::vector<char>& out, int type, std::uint16_t queue, Fill&& fill) {
  alignas(nlmsghdr) std::array<char, kLongestRequest> buffer{};
  nlmsghdr* const message = nfq_nlmsg_put(buffer.data(), type, queue);
  fill(message);
  out.insert(out.end(), buffer.data(), buffer.data() + aligned(message->nlmsg_len));
}

// False: it is no packet. By hand, because nfq_nlmsg_parse() goes up to three bytes beyond a message whose
// length is no multiple of four, which the kernel's are not.
bool read_packet(std::span<const char> message, QueuedPacket& queued) {
  constexpr std::size_t kHeader = sizeof(nlmsghdr) + sizeof(nfgenmsg);
  if (message.size() < kHeader) return false;
  bool numbered = false;
  std::uint32_t wire_bytes = 0, interface = 0;
  for (auto rest = message.subspan(kHeader); rest.size() >= sizeof(nlattr);) {
    nlattr attribute;
    std::memcpy(&attribute, rest.data(), sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > rest.size()) return false;
    const auto value = rest.subspan(sizeof attribute, attribute.nla_len - sizeof attribute);
    const int type = attribute.nla_type & NLA_TYPE_MASK;
    nfqnl_msg_packet_hdr header;
    if (type == NFQA_PACKET_HDR && value.size() >= sizeof header) {
      std::memcpy(&header, value.data(), sizeof header);
      queued.id = ntohl(header.packet_id);
      numbered = true;
    } else if (type == NFQA_PAYLOAD) {
      queued.packet.bytes = {reinterpret_cast<const std::uint8_t*>(value.data()), value.size()};
    } else if (type == NFQA_IFINDEX_INDEV && value.size() == sizeof interface) {
      std::memcpy(&interface, value.data(), sizeof interface);
    } else if (type == NFQA_CAP_LEN && value.size() == sizeof wire_bytes) {
      std::memcpy(&wire_bytes, value.data(), sizeof wire_bytes);
    }
    rest = rest.subspan(std::min(aligned(attribute.nla_len), rest.size()));
  }
  queued.interface = ntohl(interface);
  queued.packet.wire_bytes = std::max<std::size_t>(queued.packet.bytes.size(), ntohl(wire_bytes));
  return numbered;
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
    taken.refused = error.error < 0 && error.error > -4096 ? -error.error : EPROTO;
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
    else if (message->nlmsg_type == kPacket && read_packet(received.first(message->nlmsg_len), queued))
      take(queued);
    else if (message->nlmsg_type != NLMSG_NOOP)
      ++taken.malformed;
    received = received.subspan(std::min(aligned(message->nlmsg_len), received.size()));
  }
  if (!received.empty()) ++taken.malformed;
  return taken;
}

void put_bind(std::vector<char>& out, std::uint16_t queue, int copy_bytes, std::uint32_t queue_length) {
  append(out, NFQNL_MSG_CONFIG, queue, [&](nlmsghdr* message) {
    nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, copy_bytes);
    nfq_nlmsg_cfg_put_qmaxlen(message, queue_length);
    // Not NFQA_CFG_F_GSO: datagrams that came joined are parted, so that each is judged by itself.
    mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_FAIL_OPEN));
    mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
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

void Verdicts::accept_as(std::uint32_t id, std::span<const std::uint8_t> packet) {
  if (packet.size() > kLongestReplacement) return add(id, PacketFate::accept);
  finish();
  append(out_, NFQNL_MSG_VERDICT, queue_, [&](nlmsghdr* message) {
    nfq_nlmsg_verdict_put(message, static_cast<int>(id), NF_ACCEPT);
    nfq_nlmsg_verdict_put_pkt(message, packet.data(), static_cast<std::uint32_t>(packet.size()));
  });
}

void Verdicts::finish() {
  if (!any_) return;
  any_ = false;
  append(out_, NFQNL_MSG_VERDICT_BATCH, queue_, [this](nlmsghdr* message) {
    nfq_nlmsg_verdict_put(message, static_cast<int>(last_), fate_ == PacketFate::drop ? NF_DROP : NF_ACCEPT);
  });
}

}  // namespace coturn_guard::nfqueue
