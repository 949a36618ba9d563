// SPDX-License-Identifier: GPL-3.0-or-later
// Ends what an offender has running when he is banned: his TCP connections to coturn's ports are destroyed,
// so that coturn ends their sessions at once and their slots are free, and his flows leave the kernel's
// table. The drop rule alone would leave both to their timeouts. Never in the way of a ban: it is told of
// bans that the kernel holds already, and one walk serves all of them, at most once a second and for a tenth
// of the time. Composes the list of sockets (source) with the table of flows (enforce), which do not know
// each other.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "enforce/enforcer.hpp"
#include "enforce/flow_sweep.hpp"
#include "model/port_range.hpp"
#include "model/prefix.hpp"
#include "source/diag_socket.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {

struct EvictionCounters {
  std::uint64_t passes = 0;
  std::uint64_t connections = 0;  // TCP connections that were destroyed
  std::uint64_t unsent = 0;       // that the kernel was not even asked to end: its socket's buffer was full
  std::uint64_t flows = 0;        // entries of the kernel's table that were deleted
  std::uint64_t missed = 0;       // bans that found no room in the queue: what they have running runs out
};

class Eviction {
 public:
  using Notice = std::function<void(const EnforcerNotice&)>;

  // `ports`: coturn's; empty: all.
  Eviction(boost::asio::io_context& io, std::vector<PortRange> ports, Notice notice);

  void add(const Prefix& banned);  // a new ban, which the kernel holds
  void set_ports(std::vector<PortRange> ports) { ports_ = std::move(ports); }
  [[nodiscard]] const EvictionCounters& counters() const { return counters_; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  void plan();
  void begin();
  void list(sock_diag::Family family);
  void on_sockets(const std::vector<sock_diag::Socket>& sockets);
  void on_listed(sock_diag::Family family, int error);
  void destroy();
  void destroy(std::span<const sock_diag::Socket> sockets);
  void sweep();
  void on_swept(const Result<std::size_t>& deleted);
  void end();
  [[nodiscard]] bool hunted(const Address& address, std::uint16_t port) const;
  void cannot(bool& able, const char* event, std::string what, std::string remedy);

  std::vector<PortRange> ports_;
  Notice notice_;
  EvictionCounters counters_;
  EvictionCounters told_;  // up to the last walk
  boost::asio::steady_timer timer_;
  Lifetime lifetime_;
  DiagList list_;
  FlowSweep sweep_;
  UniqueFd destroyer_;
  std::vector<Prefix> waiting_;
  std::vector<Prefix> hunted_;  // of the walk under way: sorted, none inside another
  std::vector<sock_diag::Socket> doomed_;
  std::size_t destroyed_ = 0;  // of them
  std::vector<char> answers_;  // kept for its memory
  Time begun_{}, not_before_{};
  bool planned_ = false, running_ = false;
  bool can_destroy_ = true, can_sweep_ = true;
};

}  // namespace coturn_guard
