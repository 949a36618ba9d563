// SPDX-License-Identifier: GPL-3.0-or-later
// The table that keeps coturn's relays from talking to coturn itself (relay_table), in the kernel: put there,
// looked at once a second, put back, taken away. Like the drop rule it stays when we stop.
#pragma once

#include <cstdint>
#include <functional>

#include "enforce/enforcer.hpp"
#include "enforce/netlink_socket.hpp"
#include "enforce/relay_table.hpp"
#include "enforce/repair_limit.hpp"

namespace coturn_guard {

class RelayRule {
 public:
  using Time = RepairLimit::Time;
  using Notices = std::function<void(const EnforcerNotice&)>;

  [[nodiscard]] static Result<RelayRule> create(Notices notices);

  [[nodiscard]] Result<> install(const relay_table::Wish& wish, Time now);
  void tick(Time now);
  [[nodiscard]] std::uint64_t dropped() const { return before_ + here_; }  // packets, as of the last look

  // No table is no error, nor is a kernel without nf_tables.
  [[nodiscard]] static Result<> remove();

 private:
  RelayRule(NetlinkSocket socket, Notices notices)
      : socket_(std::move(socket)), notices_(std::move(notices)) {}
  [[nodiscard]] Result<> change(const std::function<std::uint32_t(Bytes&, std::uint32_t)>& put);
  // False: there is no such thing.
  [[nodiscard]] Result<bool> ask_for(void (*put)(Bytes&, std::uint32_t),
                                     const std::function<void(const Message&)>& take);
  [[nodiscard]] Result<bool> stands();
  void lost(Time now, const std::string& text);

  NetlinkSocket socket_;
  Notices notices_;
  relay_table::Wish wish_;
  std::uint64_t before_ = 0, here_ = 0;  // dropped by tables that are gone, and by this one
  RepairLimit limit_;
  Time next_notice_{};
};

}  // namespace coturn_guard
