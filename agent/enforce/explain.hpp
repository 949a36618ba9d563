// SPDX-License-Identifier: GPL-3.0-or-later
// What a kernel's refusal means to an operator: which module or capability is missing, and what to type.
// Pure: the table of (what was asked, how the kernel refused) -> words. Facts: net/netfilter/nfnetlink.c (an
// absent subsystem is EINVAL, in a transaction EOPNOTSUPP; no capability is EPERM, looked at first),
// ip_set_core.c, nft_compat.c.
#pragma once

#include <string>

#include "util/result.hpp"

namespace coturn_guard {

enum class Request : std::uint8_t {
  open_socket,
  ask_ipset,      // IPSET_CMD_PROTOCOL
  ask_set_type,   // IPSET_CMD_TYPE of hash:net
  ask_set_match,  // NFNL_MSG_COMPAT_GET of the `set` match
  change_rule,    // a transaction of nf_tables
  other,
};

// The error with its meaning and remedy added to `what`; unchanged where nothing is known about it.
// `doing`: verb and object, "create the set coturn-guard-4".
[[nodiscard]] Error explain(Request request, const std::string& doing, const Error& error);

}  // namespace coturn_guard
