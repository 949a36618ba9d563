// SPDX-License-Identifier: GPL-3.0-or-later
// Who is in a call over UDP: coturn's answers to customers, as the kernel sees them leave (logins_table). In
// coturn's log no line names such a customer before its call has ended, and without `verbose` none does then.
// A help, not a need, and nothing passes or is stopped by it. It sees what a coturn in our own network
// namespace sends, over UDP without DTLS. It decides nothing: what an answer says is the pipeline's to read.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "enforce/logins_table.hpp"
#include "enforce/netlink_socket.hpp"
#include "enforce/repair_limit.hpp"
#include "model/flow.hpp"
#include "util/lifetime.hpp"

namespace coturn_guard {

struct UdpLoginCounters {
  std::uint64_t answers = 0;    // handed over
  std::uint64_t overflows = 0;  // the kernel had more for us than its buffer holds: then all are told anew
  std::uint64_t repairs = 0;    // of the table, after somebody else changed it
};

class UdpLogins {
 public:
  using Time = RepairLimit::Time;
  using Answered = std::function<void(const Packet&)>;
  // NFLOG's groups that are tried one after the other: each is one program's.
  static constexpr std::uint16_t kFirstGroup = 34'780, kGroups = 16;

  UdpLogins(boost::asio::io_context& io, Answered answered) : packets_(io), answered_(std::move(answered)) {}
  ~UdpLogins();  // and the table goes
  UdpLogins(const UdpLogins&) = delete;
  UdpLogins& operator=(const UdpLogins&) = delete;

  // The error says what the kernel lacks. Once.
  [[nodiscard]] Result<> start(std::vector<PortRange> ports, Time now);
  void tick(Time now);  // once a second
  [[nodiscard]] const std::vector<PortRange>& ports() const { return wish_.ports; }
  [[nodiscard]] const UdpLoginCounters& counters() const { return counters_; }

  // What a run that was killed left. No table is no error, nor is a kernel without nf_tables.
  [[nodiscard]] static Result<> remove();

 private:
  [[nodiscard]] Result<> listen();
  [[nodiscard]] Result<> install(Time now);
  [[nodiscard]] Result<bool> stands();
  void wait();
  void take_turn();

  boost::asio::posix::stream_descriptor packets_;
  Lifetime lifetime_;
  Answered answered_;
  std::optional<NetlinkSocket> changes_;
  logins_table::Wish wish_;
  Bytes buffer_;
  UdpLoginCounters counters_;
  RepairLimit limit_;
  Time next_look_{};
  bool installed_ = false;
  bool lost_some_ = false;
};

}  // namespace coturn_guard
