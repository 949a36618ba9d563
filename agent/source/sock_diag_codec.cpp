// SPDX-License-Identifier: GPL-3.0-or-later
#include "source/sock_diag_codec.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>

#include "source/netlink_codec.hpp"

namespace coturn_guard::sock_diag {
namespace {

// A conditional jump of classic BPF reaches 255 instructions; each range takes two.
constexpr std::size_t kMostFilteredRanges = 120;

std::optional<Address> address_of(unsigned family, const __be32 (&words)[4]) {
  Address::Bytes bytes{};
  if (family == AF_INET) {
    bytes[10] = bytes[11] = 0xff;
    std::memcpy(bytes.data() + 12, words, 4);
  } else if (family == AF_INET6) {
    std::memcpy(bytes.data(), words, bytes.size());
  } else {
    return std::nullopt;
  }
  return Address(bytes);
}

// Kernels before 4.1 had a tcp_info that ended before these two.
bool take_counters(std::string_view info, Socket& socket) {
  constexpr auto kAcked = offsetof(tcp_info, tcpi_bytes_acked);
  constexpr auto kReceived = offsetof(tcp_info, tcpi_bytes_received);
  if (info.size() < kReceived + sizeof socket.received_bytes) return false;
  std::memcpy(&socket.acked_bytes, info.data() + kAcked, sizeof socket.acked_bytes);
  std::memcpy(&socket.received_bytes, info.data() + kReceived, sizeof socket.received_bytes);
  socket.retries = std::uint32_t{static_cast<std::uint8_t>(info[offsetof(tcp_info, tcpi_retransmits)])} +
                   static_cast<std::uint8_t>(info[offsetof(tcp_info, tcpi_probes)]);
  constexpr auto kSent = offsetof(tcp_info, tcpi_bytes_sent);
  constexpr auto kSentAgain = offsetof(tcp_info, tcpi_bytes_retrans);
  static_assert(kSentAgain == kSent + sizeof(std::uint64_t));
  std::uint64_t sent = 0, sent_again = 0;
  if (info.size() >= kSentAgain + sizeof sent_again) {
    std::memcpy(&sent, info.data() + kSent, sizeof sent);
    std::memcpy(&sent_again, info.data() + kSentAgain, sizeof sent_again);
    socket.opened = sent_again <= sent && socket.acked_bytes > sent - sent_again;
    std::uint32_t segments = 0, largest = 0;
    std::memcpy(&segments, info.data() + offsetof(tcp_info, tcpi_data_segs_out), sizeof segments);
    std::memcpy(&largest, info.data() + offsetof(tcp_info, tcpi_snd_mss), sizeof largest);
    const std::uint64_t needed = sent / std::max(largest, 1U) + (sent % std::max(largest, 1U) != 0 ? 1 : 0);
    socket.spare_segments = static_cast<std::uint32_t>(segments > needed ? segments - needed : 0);
  }
  return true;
}

std::optional<Socket> socket_of(std::string_view payload) {
  const auto header = netlink::take_header<inet_diag_msg>(payload);
  if (!header) return std::nullopt;
  const auto local = address_of(header->idiag_family, header->id.idiag_src);
  const auto remote = address_of(header->idiag_family, header->id.idiag_dst);
  if (!local || !remote) return std::nullopt;
  Socket socket{.local = {*local, ntohs(header->id.idiag_sport)},
                .remote = {*remote, ntohs(header->id.idiag_dport)},
                .state = header->idiag_state,
                .uid = header->idiag_uid};
  socket.interface = header->id.idiag_if;
  socket.cookie = {header->id.idiag_cookie[0], header->id.idiag_cookie[1]};
  netlink::for_each_attribute(payload, [&](int type, std::string_view value) {
    // One that is too short takes nothing back: known counters never lie beside a `counted` that denies them.
    if (type == INET_DIAG_INFO && take_counters(value, socket)) socket.counted = true;
    if (type == INET_DIAG_CGROUP_ID && value.size() >= sizeof socket.cgroup)
      std::memcpy(&socket.cgroup, value.data(), sizeof socket.cgroup);
  });
  // connect(AF_UNSPEC) takes the port and sets the counters to 0 (net/ipv4/tcp.c: tcp_disconnect()).
  if (socket.remote.port == 0) socket.counted = socket.opened = false;
  return socket;
}

// NLMSG_ERROR and, where a list ended badly, NLMSG_DONE begin with a negative errno.
int error_of(std::string_view payload) {
  const auto error = netlink::take_header<std::int32_t>(payload);
  return error && *error < 0 && *error > -4096 ? -*error : 0;
}

// A message about sockets of TCP.
std::string request(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                    const inet_diag_req_v2& what) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = type;
  message.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message.header.nlmsg_seq = sequence;
  message.request = what;
  message.request.sdiag_protocol = IPPROTO_TCP;
  std::string bytes(sizeof message, '\0');
  std::memcpy(bytes.data(), &message, sizeof message);
  return bytes;
}

inet_diag_req_v2 by_ends(const Endpoint& local, const Endpoint& remote) {
  inet_diag_req_v2 what{};
  const bool v4 = remote.address.is_v4();
  what.sdiag_family = v4 ? AF_INET : AF_INET6;
  const auto put = [v4](__be32(&words)[4], const Address& address) {
    const auto& bytes = address.bytes();
    std::memcpy(words, bytes.data() + (v4 ? 12 : 0), v4 ? 4 : bytes.size());
  };
  put(what.id.idiag_src, local.address);
  put(what.id.idiag_dst, remote.address);
  what.id.idiag_sport = htons(local.port);
  what.id.idiag_dport = htons(remote.port);
  return what;
}

}  // namespace

const std::uint32_t kTcpEnds =
    (1U << (SKNLGRP_INET_TCP_DESTROY - 1)) | (1U << (SKNLGRP_INET6_TCP_DESTROY - 1));

std::string list_request(Family family, std::uint32_t states, bool counters, std::uint32_t sequence) {
  inet_diag_req_v2 what{};
  what.sdiag_family = family == Family::v4 ? AF_INET : AF_INET6;
  what.idiag_ext = counters ? 1U << (INET_DIAG_INFO - 1) : 0;
  what.idiag_states = states;
  return request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sequence, what);
}

std::string one_request(const Endpoint& local, const Endpoint& remote, std::uint32_t interface,
                        std::uint32_t sequence) {
  inet_diag_req_v2 what = by_ends(local, remote);
  what.idiag_ext = 1U << (INET_DIAG_INFO - 1);
  what.id.idiag_if = interface;
  what.id.idiag_cookie[0] = what.id.idiag_cookie[1] = static_cast<std::uint32_t>(INET_DIAG_NOCOOKIE);
  return request(SOCK_DIAG_BY_FAMILY, 0, sequence, what);
}

std::string destroy_request(const Socket& socket, std::uint32_t sequence) {
  inet_diag_req_v2 what = by_ends(socket.local, socket.remote);
  what.id.idiag_if = socket.interface;
  what.id.idiag_cookie[0] = socket.cookie[0];
  what.id.idiag_cookie[1] = socket.cookie[1];
  return request(SOCK_DESTROY, NLM_F_ACK, sequence, what);
}

Destroyed take_destroyed(std::string_view received) {
  Destroyed all;
  while (const auto message = netlink::next_message(received)) {
    if (message->header.nlmsg_type != NLMSG_ERROR) continue;
    const int error = error_of(message->payload);
    if (error == 0) ++all.destroyed;
    if (error == EOPNOTSUPP || error == EPERM || error == EINVAL) all.error = error;
  }
  return all;
}

Answer take_answer(std::string_view received, std::uint32_t sequence, std::vector<Socket>& sockets) {
  Answer answer;
  while (!received.empty()) {
    const auto message = netlink::next_message(received);
    if (!message) {
      ++answer.malformed;
      break;
    }
    if (message->header.nlmsg_seq != sequence) continue;
    const auto type = message->header.nlmsg_type;
    if (type == NLMSG_ERROR || type == NLMSG_DONE) {
      answer.error = error_of(message->payload);
      answer.progress = answer.error != 0 || type == NLMSG_ERROR ? Progress::refused
                        : answer.progress == Progress::more      ? Progress::done
                                                                 : answer.progress;
      break;
    }
    if ((message->header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer.progress = Progress::interrupted;
    if (type != SOCK_DIAG_BY_FAMILY) continue;
    if (auto socket = socket_of(message->payload))
      sockets.push_back(*socket);
    else
      ++answer.malformed;
  }
  return answer;
}

std::vector<sock_filter> port_filter(const std::vector<PortRange>& ports) {
  if (ports.empty() || ports.size() > kMostFilteredRanges) return {};
  constexpr std::uint32_t kLocalPort =
      NLMSG_HDRLEN + offsetof(inet_diag_msg, id) + offsetof(inet_diag_sockid, idiag_sport);
  std::vector<sock_filter> program;
  const std::size_t accept = 2 + 2 * ports.size();
  program.push_back(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kLocalPort));  // in host order afterwards
  for (const PortRange& range : ports) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, range.first, 0, 1));
    const auto to_accept = static_cast<std::uint8_t>(accept - program.size() - 1);
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, range.last, 0, to_accept));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffffffff));
  return program;
}

}  // namespace coturn_guard::sock_diag
