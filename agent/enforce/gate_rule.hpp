// SPDX-License-Identifier: GPL-3.0-or-later
// The gate's table in the kernel: put there, kept alive, proved and repaired, filled with who is quenched,
// taken away. While it is not ticked the kernel queues nothing (gate_table). It decides nothing about who.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "enforce/enforcer.hpp"
#include "enforce/gate_table.hpp"
#include "enforce/netlink_socket.hpp"
#include "enforce/repair_limit.hpp"
#include "model/flow.hpp"

namespace coturn_guard {

// What the rules counted.
struct GateTraffic {
  std::uint64_t dropped = 0, dropped_bytes = 0;  // by the quench sets
  std::uint64_t queued = 0;                      // handed over, or let pass because the queue was full
};

struct GateRuleCounters {
  std::uint64_t quenched = 0;      // sources put into the sets
  std::uint64_t failed = 0;        // that the kernel did not take
  std::uint64_t heard = 0;         // TCP connections put into the sets of those that need not be looked at
  std::uint64_t failed_heard = 0;  // that the kernel did not take: its set is full
  std::uint64_t repairs = 0;       // of the table, after somebody else changed it
  GateTraffic traffic;             // of all tables that stood, as of the last look
};

class GateRule {
 public:
  using Time = RepairLimit::Time;
  using Notices = std::function<void(const EnforcerNotice&)>;

  [[nodiscard]] static Result<GateRule> create(Notices notices);

  [[nodiscard]] Result<> install(const gate_table::Wish& wish, Time now);
  void quench(const Quench& quench);  // told to the kernel by send()
  void heard(const TcpFlow& flow);    // so is this
  void send();
  void tick(Time now);                          // once a second
  void look() { static_cast<void>(stands()); }  // brings the counters up to date
  [[nodiscard]] const GateRuleCounters& counters() const { return counters_; }

  // No table is no error, nor is a kernel without nf_tables.
  [[nodiscard]] static Result<> remove();

 private:
  using Put = std::function<std::uint32_t(Bytes&, std::uint32_t)>;

  GateRule(NetlinkSocket socket, Notices notices)
      : socket_(std::move(socket)), notices_(std::move(notices)) {}
  [[nodiscard]] Result<> change(const Put& put);
  [[nodiscard]] Result<bool> stands();
  void send_heard(Family family);
  void repair(Time now);
  void lost(Time now, const std::string& text);

  NetlinkSocket socket_;
  Notices notices_;
  gate_table::Wish wish_;
  std::vector<Quench> waiting_;
  std::vector<TcpFlow> heard_;
  GateRuleCounters counters_;
  GateTraffic before_;  // by tables that are gone
  GateTraffic here_;    // by this one
  RepairLimit limit_;
  Time next_look_{};
  Time next_notice_{};
};

}  // namespace coturn_guard
