// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/drop_rule.hpp"

#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_set.h>
#include <netinet/in.h>

#include <cstdlib>

#include "enforce/nft_message.hpp"

namespace coturn_guard::drop_rule {
namespace {

using nft::got;
using nft::Owned;

constexpr const char* kMatch = "set";
constexpr std::uint32_t kMatchRevision = 4;

void add_set(nftnl_rule& rule, std::uint16_t index) {
  // nft_compat wants the size that xtables would: a multiple of 8, which the struct has. libnftnl frees it.
  static_assert(sizeof(xt_set_info_match_v4) % 8 == 0);
  auto* const match = static_cast<xt_set_info_match_v4*>(got(std::calloc(1, sizeof(xt_set_info_match_v4))));
  match->match_set.index = index;
  match->match_set.dim = IPSET_DIM_ONE;
  match->match_set.flags = IPSET_DIM_ONE_SRC;
  auto* const expression = nft::add(rule, "match");
  nftnl_expr_set_str(expression, NFTNL_EXPR_MT_NAME, kMatch);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_MT_REV, kMatchRevision);
  nftnl_expr_set(expression, NFTNL_EXPR_MT_INFO, match, sizeof *match);
}  // NOLINT(clang-analyzer-unix.Malloc): it belongs to the expression now

Owned<nftnl_rule> make_rule(const Wish& wish, std::optional<std::uint8_t> protocol, const PortRange& ports) {
  Owned<nftnl_rule> rule(got(nftnl_rule_alloc()));
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, netfilter_family(wish.family));
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, kTable);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, kChain);
  if (protocol) {
    nft::add_protocol(*rule, *protocol);
    nft::add_ports(*rule, ports);
  }
  add_set(*rule, wish.set_index);
  nft::add_drop(*rule);
  return rule;
}

std::vector<Owned<nftnl_rule>> make_rules(const Wish& wish) {
  std::vector<Owned<nftnl_rule>> rules;
  if (wish.ports.empty()) rules.push_back(make_rule(wish, std::nullopt, {}));
  for (const auto& range : nft::merged(wish.ports))
    for (const std::uint8_t protocol : {std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP}})
      rules.push_back(make_rule(wish, protocol, range));
  return rules;
}

}  // namespace

std::vector<std::string> describe(const Wish& wish) {
  std::vector<std::string> lines;
  for (const auto& rule : make_rules(wish)) lines.push_back(nft::describe(*rule));
  return lines;
}

std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish) {
  nft::Batch batch(out, sequence, netfilter_family(wish.family));
  // Made first, so that deleting it cannot fail; then made anew.
  nft::put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable);
  nft::put_table(batch, NFT_MSG_DELTABLE, 0, kTable);
  nft::put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable);
  nft::put_chain(batch, *nft::make_chain(kTable, kChain));
  for (const auto& rule : make_rules(wish)) nft::put_rule(batch, *rule);
  return batch.end();
}

std::uint32_t put_delete(Bytes& out, std::uint32_t sequence, Family family) {
  nft::Batch batch(out, sequence, netfilter_family(family));
  nft::put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable);
  nft::put_table(batch, NFT_MSG_DELTABLE, 0, kTable);
  return batch.end();
}

void put_get_table(Bytes& out, std::uint32_t sequence, Family family) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETTABLE), NLM_F_ACK, sequence, netfilter_family(family));
  message.put_text(NFTA_TABLE_NAME, kTable);
}

void put_get_chain(Bytes& out, std::uint32_t sequence, Family family) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETCHAIN), NLM_F_ACK, sequence, netfilter_family(family));
  message.put_text(NFTA_CHAIN_TABLE, kTable);
  message.put_text(NFTA_CHAIN_NAME, kChain);
}

void put_list_rules(Bytes& out, std::uint32_t sequence, Family family) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETRULE), NLM_F_ACK | NLM_F_DUMP, sequence,
                        netfilter_family(family));
  message.put_text(NFTA_RULE_TABLE, kTable);
  message.put_text(NFTA_RULE_CHAIN, kChain);
}

void put_ask_match(Bytes& out, std::uint32_t sequence, Family family) {
  constexpr auto kType = static_cast<std::uint16_t>(NFNL_SUBSYS_NFT_COMPAT << 8 | NFNL_MSG_COMPAT_GET);
  MessageWriter message(out, kType, NLM_F_ACK, sequence, netfilter_family(family));
  message.put_text(NFTA_COMPAT_NAME, kMatch);
  // Unlike the other subsystems', these are not marked as being in network byte order, but are
  // (net/netfilter/nft_compat.c).
  message.put_host_u32(NFTA_COMPAT_REV, big_endian(kMatchRevision));
  message.put_host_u32(NFTA_COMPAT_TYPE, 0);  // a match, not a target
}

bool is_active_table(const Message& message) {
  return nft::is_active_table(message);
}

bool is_our_chain(const Message& message) {
  return nft::is_drop_chain(message);
}

std::optional<std::string> describe(const Message& message) {
  return nft::describe(message, kTable, kChain);
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
