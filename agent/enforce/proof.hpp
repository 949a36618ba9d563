// SPDX-License-Identifier: GPL-3.0-or-later
// That sets and rule stand in the kernel, and stand again after somebody else removed, emptied or exchanged
// them: once a second the canary of each set, now and then its header, and the rule whenever nf_tables told
// of a change in our table. Holds the kernel's side of the options (size, ports). Knows no single ban: what a
// found set holds goes to `found`, and the queue puts back what is missing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "enforce/backing.hpp"
#include "enforce/enforcer.hpp"
#include "enforce/order_queue.hpp"
#include "enforce/repair_limit.hpp"

namespace coturn_guard {

class Proof {
 public:
  using Time = RepairLimit::Time;
  struct Events {
    // A set was taken over, at the start or by a repair; what it held is told before the queue refills it.
    std::function<void(Family, const Backing::Adopted&)> found;
    std::function<void(const std::string& what)> repaired;
    std::function<void(std::size_t lately, std::chrono::seconds wait)> contested;
  };

  Proof(Backing& backing, const EnforcerOptions& options, const BanTable& bans, OrderQueue& queue,
        Events events);

  // Asks the kernel for what is needed; once.
  [[nodiscard]] Result<> open();
  [[nodiscard]] bool is_open() const { return open_; }
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
  [[nodiscard]] Result<> prove_set(Family family, bool look_closer, Time now);
  [[nodiscard]] Result<> prove_rule(Family family, Time now);
  [[nodiscard]] Result<> repair_set(Family family, Time now);
  [[nodiscard]] Result<> change_kernel(const EnforcerOptions& old);
  void repaired(const std::string& what, Time now);

  Backing& backing_;
  EnforcerOptions options_;
  const BanTable& bans_;
  OrderQueue& queue_;
  Events events_;
  RepairLimit limit_;
  bool rule_suspect_ = true;  // something happened to the table, or nobody looked yet
  bool withdrawn_ = false;
  bool open_ = false;
  Time next_header_{};
};

}  // namespace coturn_guard
