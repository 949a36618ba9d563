// SPDX-License-Identifier: GPL-3.0-or-later
// rtnetlink's answers (rtnetlink(7)) as values: bytes in, own addresses and default gateways out. No socket,
// no decision what to do about it. Looks past no end, whatever lengths the bytes claim, and wants no
// alignment. Layout: linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/own_network.hpp"

namespace coturn_guard::route {

inline constexpr std::size_t kMaxNetworks = 65'536;  // that are taken from one answer

enum class Progress : std::uint8_t {
  more,         // the dump goes on
  done,         // NLMSG_DONE: that was all
  interrupted,  // NLM_F_DUMP_INTR: the table changed while it was told; what was taken is not the whole truth
  refused,      // NLMSG_ERROR
};

// Takes what one recv() gave of a dump by RTM_GETADDR or RTM_GETROUTE: appends own addresses ("own address")
// and gateways of default routes ("default gateway") as single addresses. Messages of other types are
// skipped, one that claims to be longer than what is there ends the reading.
[[nodiscard]] Progress take_answer(std::string_view received, std::vector<OwnNetwork>& networks);

// Whether one of these notifications can change the answer. A router's other routes come and go by the
// thousand.
[[nodiscard]] bool matters(std::string_view received);

}  // namespace coturn_guard::route
