// SPDX-License-Identifier: GPL-3.0-or-later
// The gate's table in nf_tables, as messages: which packets to coturn's ports are handed to our queue, and
// whose are dropped for a while (quench). A table of its own, with sets of nf_tables' own, so that it is the
// same beside every enforcer. No socket; libnftnl makes the bytes.
//
//   UDP  at prerouting behind the drop rule and before conntrack, which it does not need: what flows
//        through a relay passes after one look at four bytes, ChannelData before any port is compared (so
//        whatever looks like it passes unseen, as it always did), Send indications and DTLS data behind the
//        port. Of the rest what comes from a quenched source is dropped, and all else asks coturn for
//        something: it is queued. So a quenched customer's running calls go on, and nothing depends on who
//        counts or tracks what.
//   TCP  behind conntrack, which tells an established connection (its handshake was completed, and sequence
//        numbers fit): of each one the first packet with a payload is queued, and a bit of its mark says that
//        it was.
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

namespace coturn_guard::gate_table {

inline constexpr const char* kTable = "coturn-guard-gate";  // of the family inet
inline constexpr std::uint32_t kMarkBit = 0x10000000;       // of a TCP connection's mark: looked at already
inline constexpr std::uint32_t kMostQuenched = 65'536;      // of each family
inline constexpr std::size_t kQuenchesPerMessage = 32;
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
