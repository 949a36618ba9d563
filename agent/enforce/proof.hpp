// SPDX-License-Identifier: GPL-3.0-or-later
// That sets and rule stand in the kernel, and stand again after somebody else removed, emptied or exchanged
// them: once a second the canary of each set, now and then its header, and the rule whenever nf_tables told
// of a change in our table. Holds the kernel's side of the options (size, ports). Knows no single ban: what a
// found set holds goes to `found`, and the queue puts back what is missing.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "enforce/enforcer.hpp"
#include "enforce/kernel_rule.hpp"
#include "enforce/kernel_sets.hpp"
#include "enforce/order_queue.hpp"
#include "enforce/repair_limit.hpp"

namespace coturn_guard {

class Proof {
 public:
  using Time = RepairLimit::Time;
  struct Events {
    // A set was taken over, at the start or by a repair; what it held is told before the queue refills it.
    std::function<void(ipset::Family, const KernelSets::Adopted&)> found;
    std::function<void(const std::string& what)> repaired;
    std::function<void(std::size_t lately, std::chrono::seconds wait)> contested;
  };

  Proof(boost::asio::io_context& io, const EnforcerOptions& options, const BanTable& bans, OrderQueue& queue,
        Events events);

  // Asks the kernel for what is needed; once.
  [[nodiscard]] Result<> open();
  [[nodiscard]] bool is_open() const { return rule_.has_value(); }
  // Sets and rule are made or adopted.
  [[nodiscard]] Result<> start(Time now);
  // Looks, and repairs where it may. The error says what is wrong and was not put right, the first where it
  // is more than one thing. A family whose set cannot be repaired is closed in the queue; the other one goes
  // on.
  [[nodiscard]] Result<> prove(Time now);
  [[nodiscard]] Result<> withdraw();  // no rule from now on, until start()
  // Other ports, another size, under the live rule. An error leaves the old ones in force: what was changed
  // already, the next prove() changes back.
  [[nodiscard]] Result<> change(const EnforcerOptions& options, Time now);

 private:
  void await_changes();
  void on_changes(const boost::system::error_code& error);
  [[nodiscard]] Result<bool> set_is_right(ipset::Family family, bool look_closer);
  [[nodiscard]] Result<> prove_set(ipset::Family family, bool look_closer, Time now);
  [[nodiscard]] Result<> prove_rule(ipset::Family family, Time now);
  [[nodiscard]] Result<> repair_set(ipset::Family family, Time now);
  [[nodiscard]] Result<> change_kernel(const EnforcerOptions& old);
  [[nodiscard]] Result<drop_rule::Wish> wish(ipset::Family family);
  void repaired(const std::string& what, Time now);

  std::uint32_t max_bans_;
  std::vector<PortRange> ports_;
  const BanTable& bans_;
  OrderQueue& queue_;
  Events events_;
  std::optional<KernelSets> sets_;
  std::optional<KernelRule> rule_;
  boost::asio::posix::stream_descriptor changes_;
  Bytes receive_buffer_;
  RepairLimit limit_;
  bool rule_suspect_ = true;  // something happened to the table, or nobody looked yet
  bool withdrawn_ = false;
  Time next_header_{};
};

}  // namespace coturn_guard
