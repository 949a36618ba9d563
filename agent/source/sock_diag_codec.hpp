// SPDX-License-Identifier: GPL-3.0-or-later
// NETLINK_SOCK_DIAG (sock_diag(7)) as values: requests for lists of TCP sockets, and what the kernel tells of
// each, in an answer or when it ends. No socket, no meaning. Looks past no end, whatever lengths the bytes
// claim. Layout: linux/sock_diag.h, linux/inet_diag.h, linux/tcp.h (tcp_info).
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/address.hpp"
#include "model/port_range.hpp"

namespace coturn_guard::sock_diag {

// The groups in which the kernel tells of each TCP socket that ends, as bits of sockaddr_nl.nl_groups.
extern const std::uint32_t kTcpEnds;

enum class Family : std::uint8_t { v4, v6 };

// A set of TCP states: 1 << the number of include/net/tcp_states.h.
inline constexpr std::uint32_t kListening = 1U << 10;
// Established, and established until the client said that it will send no more.
inline constexpr std::uint32_t kLiving = (1U << 1) | (1U << 8);

struct Socket {
  Endpoint local;
  Endpoint remote;                   // port 0: none any more (the association was dissolved), or none ever
  std::uint8_t state = 0;            // include/net/tcp_states.h
  std::uint32_t uid = 0;             // of who made the socket; 0 also where the kernel no longer knows
  bool counted = false;              // the two below are known
  std::uint64_t received_bytes = 0;  // tcpi_bytes_received
  std::uint64_t acked_bytes = 0;     // tcpi_bytes_acked
  // This host opened it. The kernel counts our SYN among what was acknowledged but not among what was sent
  // (net/ipv4/tcp_input.c: tcp_snd_una_update(); tcp_output.c: tcp_event_data_sent() and its callers), so
  // that more is acknowledged than was sent; of a connection that was accepted it never is while it lives.
  // Before Linux 4.19 what was sent is not told: then false.
  bool opened = false;
  // tcpi_data_segs_out less the segments of tcpi_snd_mss that tcpi_bytes_sent needs; a Linux before 4.19 does
  // not tell.
  std::uint32_t spare_segments = ~std::uint32_t{0};
  std::uint32_t retries = 0;  // tcpi_retransmits and tcpi_probes: unanswered until then
  std::uint64_t cgroup = 0;   // the number of its control group; 0: not told (Linux before 5.9)
  // Of the kernel's, to name this very socket to it.
  std::uint32_t interface = 0;
  std::array<std::uint32_t, 2> cookie{};
};

enum class Progress : std::uint8_t {
  more,         // the list goes on
  done,         // NLMSG_DONE: that was all
  interrupted,  // NLM_F_DUMP_INTR: it is not the whole truth
  refused,      // `error`, an errno
};

struct Answer {
  Progress progress = Progress::more;
  int error = 0;
  std::uint32_t malformed = 0;  // messages that were cut short, or of no family that we know
};

// Asks for all TCP sockets of one family in these states; `counters`: with the bytes each way.
[[nodiscard]] std::string list_request(Family family, std::uint32_t states, bool counters,
                                       std::uint32_t sequence);

// Asks for the one TCP socket that has exactly these ends, with the bytes each way; for whoever listens there
// where there is none (look at its state and at the remote end). `interface`: over which packets of the
// connection come, for a socket that is bound to one; 0: any. Answered by one socket or by ENOENT.
[[nodiscard]] std::string one_request(const Endpoint& local, const Endpoint& remote, std::uint32_t interface,
                                      std::uint32_t sequence);

// Takes what one recv() gave: appends the sockets told of. `sequence`: of the request, 0 for what is told
// unasked; messages of other requests are skipped.
[[nodiscard]] Answer take_answer(std::string_view received, std::uint32_t sequence,
                                 std::vector<Socket>& sockets);

// Asks the kernel to destroy the connection: both sides hear of it at once (the other one by RST). Each is
// answered.
[[nodiscard]] std::string destroy_request(const Socket& socket, std::uint32_t sequence);

struct Destroyed {
  std::uint32_t destroyed = 0;
  int error = 0;  // an errno: the kernel does not do that at all, or not for us
};
// A connection that is gone already is neither.
[[nodiscard]] Destroyed take_destroyed(std::string_view received);

// A classic BPF program for SO_ATTACH_FILTER on a socket that hears of ends: only those of these local ports.
// Empty where no port is given or the ranges are too many for a program; then all are heard.
[[nodiscard]] std::vector<sock_filter> port_filter(const std::vector<PortRange>& ports);

}  // namespace coturn_guard::sock_diag
