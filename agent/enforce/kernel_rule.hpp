// SPDX-License-Identifier: GPL-3.0-or-later
// Our table in nf_tables: put there, looked at, taken away, one address family at a time. drop_rule knows the
// bytes.
#pragma once

#include "enforce/drop_rule.hpp"
#include "enforce/netlink_socket.hpp"

namespace coturn_guard {

class KernelRule {
 public:
  // Asks the kernel whether it has what the rule needs.
  [[nodiscard]] static Result<KernelRule> create();

  [[nodiscard]] Result<> install(const drop_rule::Wish& wish);
  // Table, chain and rules are exactly as wished, and active.
  [[nodiscard]] Result<bool> stands(const drop_rule::Wish& wish);
  [[nodiscard]] Result<> remove(ipset::Family family);  // no table is no error

  // Both families; a kernel without nf_tables has nothing to remove.
  [[nodiscard]] static Result<> remove_all();

 private:
  explicit KernelRule(NetlinkSocket socket) : socket_(std::move(socket)) {}
  // False: it is not there.
  [[nodiscard]] Result<bool> ask_for(void (*put)(Bytes&, std::uint32_t, ipset::Family), ipset::Family family,
                                     const std::function<void(const Message&)>& take);
  NetlinkSocket socket_;
};

}  // namespace coturn_guard
