// SPDX-License-Identifier: GPL-3.0-or-later
// nf_tables messages by libnftnl, as far as the backends and the tables beside them say the same:
// transactions, expressions that match coturn's ports, and a rule of the kernel's as one line of text. No
// socket. Which table, and what else stands in a rule, is for drop_rule, nftables_codec and *_table.
#pragma once

#include <netinet/in.h>  // before the kernel's own headers, which then leave out what it has

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "enforce/netlink_bytes.hpp"
#include "model/port_range.hpp"

namespace coturn_guard::nft {

inline constexpr std::int32_t kPriority = -300;  // NF_IP_PRI_RAW: before conntrack and before anybody's DNAT

struct Freed {
  void operator()(nftnl_rule* rule) const { nftnl_rule_free(rule); }
  void operator()(nftnl_chain* chain) const { nftnl_chain_free(chain); }
  void operator()(nftnl_set* set) const { nftnl_set_free(set); }
  void operator()(nftnl_table* table) const { nftnl_table_free(table); }
  void operator()(nftnl_expr_iter* iterator) const { nftnl_expr_iter_destroy(iterator); }
};
template <class T>
using Owned = std::unique_ptr<T, Freed>;

constexpr std::uint16_t type_of(unsigned command) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | command);
}

// libnftnl allocates; it returns null when there is no memory, and then there is nothing left to save.
template <class T>
T* got(T* allocated) {
  if (allocated == nullptr) throw std::bad_alloc();
  return allocated;
}

// --- what stands in a rule ---
nftnl_expr* add(nftnl_rule& rule, const char* name);
void add_equal(nftnl_rule& rule, const void* value, std::uint32_t bytes);  // register 1 is that
void add_protocol(nftnl_rule& rule, std::uint8_t protocol);
void add_ports(nftnl_rule& rule, const PortRange& ports);  // destination port, of TCP and of UDP alike
void add_drop(nftnl_rule& rule);                           // counted

// What a rule says, without handle and counters. Only for comparing.
[[nodiscard]] std::string describe(const nftnl_rule& rule);

// Overlapping and neighbouring ranges become one; sorted.
[[nodiscard]] std::vector<PortRange> merged(std::vector<PortRange> ports);

// --- messages ---
inline constexpr std::size_t kLongestMessage = 4096;  // ours have some 400 bytes

// Runs one of libnftnl's builders over a buffer of its own and appends what it made.
template <class Build>
void append(Bytes& out, Build&& build) {
  std::array<char, kLongestMessage> buffer{};
  const nlmsghdr* const message = build(buffer.data());
  out.insert(out.end(), buffer.data(), buffer.data() + netlink_align(message->nlmsg_len));
}

// One transaction: all of it or nothing; a packet sees what was before or what comes after.
class Batch {
 public:
  // `sequence`: the first number; `family`: NFPROTO_… of the table.
  Batch(Bytes& out, std::uint32_t sequence, std::uint8_t family);

  // `fill` puts the payload behind the header. Each message is acknowledged.
  template <class Fill>
  void message(unsigned command, std::uint16_t flags, Fill&& fill) {
    append(out_, [&](char* buffer) {
      auto* const header = nftnl_nlmsg_build_hdr(buffer, static_cast<std::uint16_t>(command), family_,
                                                 static_cast<std::uint16_t>(NLM_F_ACK | flags), ++sequence_);
      fill(header);
      return header;
    });
  }

  // Of a message that somebody else appends.
  [[nodiscard]] std::uint32_t next_sequence() { return ++sequence_; }

  // Ends it. The number of the last message that is answered: the kernel acknowledges neither beginning nor
  // end.
  [[nodiscard]] std::uint32_t end();

 private:
  Bytes& out_;
  std::uint32_t first_;
  std::uint32_t sequence_;
  std::uint8_t family_;
};

[[nodiscard]] Owned<nftnl_table> make_table(const char* name);
// A base chain at prerouting, our priority, policy accept.
[[nodiscard]] Owned<nftnl_chain> make_chain(const char* table, const char* name);
void put_table(Batch& batch, unsigned command, std::uint16_t flags, const char* name);
void put_chain(Batch& batch, const nftnl_chain& chain);
// One that others go to.
void put_inner_chain(Batch& batch, const char* table, const char* name);
void delete_chain(Batch& batch, const char* table, const char* name);  // with its rules
void put_rule(Batch& batch, nftnl_rule& rule);

// --- a table of ours that the backends do not have, of the family inet; `sequence` is the first number ---
// Empty, whatever stood there before.
void put_table_anew(Batch& batch, const char* name);
// A whole transaction; no table is no error. The number of the last message that is answered is returned.
std::uint32_t put_deletion(Bytes& out, std::uint32_t sequence, const char* name);
void put_get_table(Bytes& out, std::uint32_t sequence, const char* name);
void put_list_rules(Bytes& out, std::uint32_t sequence, const char* table);

// --- answers ---
[[nodiscard]] bool is(const Message& message, unsigned command);
// The message as libnftnl wants it: aligned, in `copy`.
[[nodiscard]] nlmsghdr* header_of(const Message& message, Bytes& copy);
// The table is there and not dormant.
[[nodiscard]] bool is_active_table(const Message& message);
// A chain as make_chain() makes it.
[[nodiscard]] bool is_drop_chain(const Message& message);
// A rule of that table; null: no rule, or one of another table.
[[nodiscard]] Owned<nftnl_rule> parse_rule(const Message& message, const char* table);
// "chain: what it says"
[[nodiscard]] std::string describe_with_chain(const nftnl_rule& rule);
// What a rule of that chain says; absent: no rule, or one of another chain.
[[nodiscard]] std::optional<std::string> describe(const Message& message, const char* table,
                                                  const char* chain);

}  // namespace coturn_guard::nft
