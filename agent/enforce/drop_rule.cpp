// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/drop_rule.hpp"

#include <arpa/inet.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_set.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace coturn_guard::drop_rule {
namespace {

constexpr const char* kMatch = "set";
constexpr std::uint32_t kMatchRevision = 4;
constexpr std::uint32_t kDestinationPortOffset = 2;  // in the headers of TCP and of UDP alike
constexpr std::size_t kLongestMessage = 4096;        // ours have some 400 bytes

struct Freed {
  void operator()(nftnl_rule* rule) const { nftnl_rule_free(rule); }
  void operator()(nftnl_chain* chain) const { nftnl_chain_free(chain); }
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

nftnl_expr* add(nftnl_rule& rule, const char* name) {
  nftnl_expr* const expression = got(nftnl_expr_alloc(name));
  nftnl_rule_add_expr(&rule, expression);
  return expression;
}

void add_protocol(nftnl_rule& rule, std::uint8_t protocol) {
  auto* const load = add(rule, "meta");
  nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
  nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
  auto* const compare = add(rule, "cmp");
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
  nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &protocol, sizeof protocol);
}

void add_ports(nftnl_rule& rule, const PortRange& ports) {
  auto* const load = add(rule, "payload");
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, kDestinationPortOffset);
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, sizeof(std::uint16_t));
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  const std::uint16_t first = htons(ports.first), last = htons(ports.last);
  if (first == last) {
    auto* const compare = add(rule, "cmp");
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
    nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &first, sizeof first);
  } else {
    auto* const range = add(rule, "range");
    nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
    nftnl_expr_set(range, NFTNL_EXPR_RANGE_FROM_DATA, &first, sizeof first);
    nftnl_expr_set(range, NFTNL_EXPR_RANGE_TO_DATA, &last, sizeof last);
  }
}

void add_set(nftnl_rule& rule, std::uint16_t index) {
  // nft_compat wants the size that xtables would: a multiple of 8, which the struct has. libnftnl frees it.
  static_assert(sizeof(xt_set_info_match_v4) % 8 == 0);
  auto* const match = static_cast<xt_set_info_match_v4*>(got(std::calloc(1, sizeof(xt_set_info_match_v4))));
  match->match_set.index = index;
  match->match_set.dim = IPSET_DIM_ONE;
  match->match_set.flags = IPSET_DIM_ONE_SRC;
  auto* const expression = add(rule, "match");
  nftnl_expr_set_str(expression, NFTNL_EXPR_MT_NAME, kMatch);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_MT_REV, kMatchRevision);
  nftnl_expr_set(expression, NFTNL_EXPR_MT_INFO, match, sizeof *match);
}  // NOLINT(clang-analyzer-unix.Malloc): it belongs to the expression now

Owned<nftnl_rule> make_rule(const Wish& wish, std::optional<std::uint8_t> protocol, const PortRange& ports) {
  Owned<nftnl_rule> rule(got(nftnl_rule_alloc()));
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, ipset::netfilter_family(wish.family));
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, kTable);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, kChain);
  if (protocol) {
    add_protocol(*rule, *protocol);
    add_ports(*rule, ports);
  }
  add_set(*rule, wish.set_index);
  add(*rule, "counter");
  auto* const verdict = add(*rule, "immediate");
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
  return rule;
}

std::vector<Owned<nftnl_rule>> make_rules(const Wish& wish) {
  std::vector<Owned<nftnl_rule>> rules;
  if (wish.ports.empty()) rules.push_back(make_rule(wish, std::nullopt, {}));
  for (const auto& range : merged(wish.ports))
    for (const std::uint8_t protocol : {std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP}})
      rules.push_back(make_rule(wish, protocol, range));
  return rules;
}

std::string hex(const nftnl_expr* expression, std::uint16_t attribute) {
  std::uint32_t length = 0;
  const auto* const bytes = static_cast<const std::uint8_t*>(nftnl_expr_get(expression, attribute, &length));
  std::string text;
  for (std::uint32_t i = 0; bytes != nullptr && i < length; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

std::string describe(const nftnl_expr* expression) {
  const auto number = [&](std::uint16_t attribute) { return nftnl_expr_get_u32(expression, attribute); };
  const auto* const raw_name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
  std::string name = raw_name != nullptr ? raw_name : "?";
  if (name == "counter") return name;
  if (name == "meta")
    return fmt::format("meta {} > {}", number(NFTNL_EXPR_META_KEY), number(NFTNL_EXPR_META_DREG));
  if (name == "cmp")
    return fmt::format("cmp {} {} {}", number(NFTNL_EXPR_CMP_SREG), number(NFTNL_EXPR_CMP_OP),
                       hex(expression, NFTNL_EXPR_CMP_DATA));
  if (name == "payload")
    return fmt::format("payload {} {} {} > {}", number(NFTNL_EXPR_PAYLOAD_BASE),
                       number(NFTNL_EXPR_PAYLOAD_OFFSET), number(NFTNL_EXPR_PAYLOAD_LEN),
                       number(NFTNL_EXPR_PAYLOAD_DREG));
  if (name == "range")
    return fmt::format("range {} {} {}-{}", number(NFTNL_EXPR_RANGE_SREG), number(NFTNL_EXPR_RANGE_OP),
                       hex(expression, NFTNL_EXPR_RANGE_FROM_DATA),
                       hex(expression, NFTNL_EXPR_RANGE_TO_DATA));
  if (name == "immediate")
    return fmt::format("immediate {} {}", number(NFTNL_EXPR_IMM_DREG), number(NFTNL_EXPR_IMM_VERDICT));
  if (name == "match") {
    const auto* const match_name = nftnl_expr_get_str(expression, NFTNL_EXPR_MT_NAME);
    std::uint32_t length = 0;
    const auto* const bytes = nftnl_expr_get(expression, NFTNL_EXPR_MT_INFO, &length);
    xt_set_info_match_v4 match{};
    if (bytes != nullptr) std::memcpy(&match, bytes, std::min<std::size_t>(length, sizeof match));
    return fmt::format("match {} {} set {} dim {} flags {} {} {} {}",
                       match_name != nullptr ? match_name : "?", number(NFTNL_EXPR_MT_REV),
                       match.match_set.index, match.match_set.dim, match.match_set.flags, match.flags,
                       match.packets.op, match.bytes.op);
  }
  return "other " + name;
}

std::string describe(const nftnl_rule& rule) {
  std::string text;
  Owned<nftnl_expr_iter> iterator(got(nftnl_expr_iter_create(&rule)));
  while (const auto* const expression = nftnl_expr_iter_next(iterator.get()))
    text += describe(expression) + "; ";
  return text;
}

// Runs one of libnftnl's builders over a buffer of its own and appends what it made.
template <class Build>
void append(Bytes& out, Build&& build) {
  std::array<char, kLongestMessage> buffer{};
  const nlmsghdr* const message = build(buffer.data());
  out.insert(out.end(), buffer.data(), buffer.data() + netlink_align(message->nlmsg_len));
}

class Batch {
 public:
  Batch(Bytes& out, std::uint32_t sequence, ipset::Family family)
      : out_(out), first_(sequence), sequence_(sequence), family_(ipset::netfilter_family(family)) {
    append(out_, [&](char* buffer) { return nftnl_batch_begin(buffer, sequence); });
  }

  // `fill` puts the payload behind the header.
  template <class Fill>
  void message(unsigned command, std::uint16_t flags, Fill&& fill) {
    append(out_, [&](char* buffer) {
      auto* const header = nftnl_nlmsg_build_hdr(buffer, static_cast<std::uint16_t>(command), family_,
                                                 static_cast<std::uint16_t>(NLM_F_ACK | flags), ++sequence_);
      fill(header);
      return header;
    });
  }

  // The end bears the beginning's number: the kernel acknowledges neither, and the last number must be an
  // answered one.
  std::uint32_t end() {
    append(out_, [&](char* buffer) { return nftnl_batch_end(buffer, first_); });
    return sequence_;
  }

 private:
  Bytes& out_;
  std::uint32_t first_;
  std::uint32_t sequence_;
  std::uint8_t family_;
};

Owned<nftnl_table> make_table() {
  Owned<nftnl_table> table(got(nftnl_table_alloc()));
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, kTable);
  return table;
}

Owned<nftnl_chain> make_chain() {
  Owned<nftnl_chain> chain(got(nftnl_chain_alloc()));
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, kTable);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, kChain);
  return chain;
}

void put_table(Batch& batch, unsigned command, std::uint16_t flags) {
  const auto table = make_table();
  batch.message(command, flags,
                [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

nlmsghdr* header_of(const Message& message, Bytes& copy) {
  copy.assign(message.whole.begin(), message.whole.end());  // libnftnl wants it aligned
  return reinterpret_cast<nlmsghdr*>(copy.data());
}

bool is(const Message& message, unsigned command) {
  return message.type == type_of(command) && message.payload.size() >= sizeof(nfgenmsg);
}

}  // namespace

std::vector<PortRange> merged(std::vector<PortRange> ports) {
  std::sort(ports.begin(), ports.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<PortRange> result;
  for (const auto& range : ports) {
    if (!result.empty() && range.first <= result.back().last + 1)
      result.back().last = std::max(result.back().last, range.last);
    else
      result.push_back(range);
  }
  return result;
}

std::vector<std::string> describe(const Wish& wish) {
  std::vector<std::string> lines;
  for (const auto& rule : make_rules(wish)) lines.push_back(describe(*rule));
  return lines;
}

std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish) {
  Batch batch(out, sequence, wish.family);
  // Made first, so that deleting it cannot fail; then made anew.
  put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  put_table(batch, NFT_MSG_DELTABLE, 0);
  put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  const auto chain = make_chain();
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, NF_INET_PRE_ROUTING);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, kPriority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  batch.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
  for (const auto& rule : make_rules(wish))
    batch.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                  [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, rule.get()); });
  return batch.end();
}

std::uint32_t put_delete(Bytes& out, std::uint32_t sequence, ipset::Family family) {
  Batch batch(out, sequence, family);
  put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  put_table(batch, NFT_MSG_DELTABLE, 0);
  return batch.end();
}

void put_get_table(Bytes& out, std::uint32_t sequence, ipset::Family family) {
  MessageWriter message(out, type_of(NFT_MSG_GETTABLE), NLM_F_ACK, sequence, ipset::netfilter_family(family));
  message.put_text(NFTA_TABLE_NAME, kTable);
}

void put_get_chain(Bytes& out, std::uint32_t sequence, ipset::Family family) {
  MessageWriter message(out, type_of(NFT_MSG_GETCHAIN), NLM_F_ACK, sequence, ipset::netfilter_family(family));
  message.put_text(NFTA_CHAIN_TABLE, kTable);
  message.put_text(NFTA_CHAIN_NAME, kChain);
}

void put_list_rules(Bytes& out, std::uint32_t sequence, ipset::Family family) {
  MessageWriter message(out, type_of(NFT_MSG_GETRULE), NLM_F_ACK | NLM_F_DUMP, sequence,
                        ipset::netfilter_family(family));
  message.put_text(NFTA_RULE_TABLE, kTable);
  message.put_text(NFTA_RULE_CHAIN, kChain);
}

void put_ask_match(Bytes& out, std::uint32_t sequence, ipset::Family family) {
  constexpr auto kType = static_cast<std::uint16_t>(NFNL_SUBSYS_NFT_COMPAT << 8 | NFNL_MSG_COMPAT_GET);
  MessageWriter message(out, kType, NLM_F_ACK, sequence, ipset::netfilter_family(family));
  message.put_text(NFTA_COMPAT_NAME, kMatch);
  // Unlike the other subsystems', these are not marked as being in network byte order, but are
  // (net/netfilter/nft_compat.c).
  message.put_host_u32(NFTA_COMPAT_REV, big_endian(kMatchRevision));
  message.put_host_u32(NFTA_COMPAT_TYPE, 0);  // a match, not a target
}

bool is_active_table(const Message& message) {
  if (!is(message, NFT_MSG_NEWTABLE)) return false;
  Bytes copy;
  const Owned<nftnl_table> table(got(nftnl_table_alloc()));
  return nftnl_table_nlmsg_parse(header_of(message, copy), table.get()) == 0 &&
         (nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) == 0;
}

bool is_our_chain(const Message& message) {
  if (!is(message, NFT_MSG_NEWCHAIN)) return false;
  Bytes copy;
  const Owned<nftnl_chain> chain(got(nftnl_chain_alloc()));
  if (nftnl_chain_nlmsg_parse(header_of(message, copy), chain.get()) != 0) return false;
  return nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM) &&
         nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM) == NF_INET_PRE_ROUTING &&
         nftnl_chain_get_s32(chain.get(), NFTNL_CHAIN_PRIO) == kPriority &&
         nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY) == NF_ACCEPT;
}

std::optional<std::string> describe(const Message& message) {
  if (!is(message, NFT_MSG_NEWRULE)) return std::nullopt;
  Bytes copy;
  const Owned<nftnl_rule> rule(got(nftnl_rule_alloc()));
  if (nftnl_rule_nlmsg_parse(header_of(message, copy), rule.get()) != 0) return std::nullopt;
  const auto* const table = nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE);
  const auto* const chain = nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN);
  if (table == nullptr || chain == nullptr || std::strcmp(table, kTable) != 0 ||
      std::strcmp(chain, kChain) != 0)
    return std::nullopt;
  return describe(*rule);
}

bool concerns_us(const Message& notification) {
  if (notification.type >> 8 != NFNL_SUBSYS_NFTABLES) return false;
  static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1);
  switch (notification.type & 0xff) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
    case NFT_MSG_NEWCHAIN:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_NEWRULE:
    case NFT_MSG_DELRULE: break;
    default: return false;
  }
  const auto table = find_attribute(notification.attributes(), NFTA_TABLE_NAME);
  return table && table->text() == kTable;
}

}  // namespace coturn_guard::drop_rule
