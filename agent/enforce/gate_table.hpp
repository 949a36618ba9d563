// SPDX-License-Identifier: GPL-3.0-or-later
// The gate's table in nf_tables, as messages: which packets to coturn's ports are handed to our queue, and
// whose are dropped for a while (quench). A table of its own, with sets of nf_tables' own, so that it is the
// same beside every enforcer. No socket; libnftnl makes the bytes.
//
//   UDP  at prerouting behind the drop rule and before conntrack, which it does not need: what flows
//        through a relay passes after one look at four bytes, ChannelData before any port is compared (so
//        whatever looks like it passes unseen, as it always did), Send indications and DTLS data behind the
//        port. Of the rest a Binding request and an Allocate request too short to be signed are dropped where
//        they come from a quenched source; all else is queued. So a quenched customer's running calls go on,
//        and nothing depends on who counts or tracks what.
//   TCP  behind whoever redirects (DNAT), so that address and port are those of coturn's socket. Conntrack's
//        opinion is worth nothing here: it takes a guessed number for an established connection. Segments
//        with a payload are queued until the gate has heard enough of their connection and put it (addresses
//        and ports) into a set; from then on only what begins like a STUN request or answer is.
//
// Who can fill the set of heard connections: nobody but the gate, and it puts there only what the kernel says
// is a living socket with bytes received. A packet that opens or ends a connection takes it out, so that who
// comes back with the same port is heard anew, and time takes it out, so that what just vanished leaves
// room. Whoever forges such a packet makes the next segment of the connection be queued once more, nothing
// else. Where the set is full, what is not in it goes on being queued: that costs us, it blinds nobody.
//
// Queued is with `bypass`, and only while the set `alive` has what we put there every second: whether we
// die, are stopped or hang, traffic flows.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/netlink_bytes.hpp"
#include "model/port_range.hpp"
#include "model/segment.hpp"

namespace coturn_guard::gate_table {

inline constexpr const char* kTable = "coturn-guard-gate";  // of the family inet
inline constexpr std::uint32_t kMostQuenched = 65'536;      // of each family
inline constexpr std::size_t kQuenchesPerMessage = 32;
inline constexpr std::uint32_t kMostHeard = 131'072;  // of each family
inline constexpr std::size_t kFlowsPerMessage = 32;
[[nodiscard]] const char* quench_set(Family family);  // "coturn-guard-quench-4", "coturn-guard-quench-6"

struct Wish {
  std::vector<PortRange> ports;  // never empty
  std::uint16_t queue = 0;
  bool tcp = true;
  // By xtables' target NFQUEUE instead of nf_tables' own expression, for kernels that were built without
  // that.
  bool by_target = false;

  friend bool operator==(const Wish&, const Wish&) = default;
};

// What must stand in the table, in order, one line a rule. Only for comparing.
[[nodiscard]] std::vector<std::string> describe(const Wish& wish);

// --- transactions. `sequence` is the first number; the number of the last message that is answered is
// returned. The table as wished, whatever stood there before; sets are empty then.
std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish);
std::uint32_t put_delete(Bytes& out, std::uint32_t sequence);
std::uint32_t put_alive(Bytes& out, std::uint32_t sequence, std::chrono::seconds lasting);
// All of one family, at most kQuenchesPerMessage. One that is there keeps its time.
std::uint32_t put_quench(Bytes& out, std::uint32_t sequence, Family family, std::span<const Prefix> prefixes,
                         std::chrono::seconds lasting);

// TCP connections that the gate has heard enough of. All of one family, at most kFlowsPerMessage.
std::uint32_t put_heard(Bytes& out, std::uint32_t sequence, Family family, std::span<const TcpFlow> flows,
                        std::chrono::seconds lasting);

// --- questions
void put_get_table(Bytes& out, std::uint32_t sequence);
void put_list_rules(Bytes& out, std::uint32_t sequence);

// --- answers
// What a rule of the table says; absent: no rule, or one of another table.
[[nodiscard]] std::optional<std::string> describe(const Message& message);
// What a rule has counted: packets it dropped for a quench, or handed to the queue. Absent: it is another.
struct Counted {
  bool queued = false;
  std::uint64_t packets = 0, bytes = 0;
};
[[nodiscard]] std::optional<Counted> decode_counted(const Message& message);

}  // namespace coturn_guard::gate_table
