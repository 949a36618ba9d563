// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/relay_table.hpp"

#include <arpa/inet.h>
#include <net/if_arp.h>

#include <string_view>

#include "enforce/nft_message.hpp"

namespace coturn_guard::relay_table {
namespace {

using nft::Owned;

constexpr std::uint32_t kSourcePortOffset = 0;  // in the headers of TCP and of UDP alike
constexpr std::int32_t kLast = 300;             // behind the hooks of mangle and nat
constexpr std::uint16_t kLoopback = ARPHRD_LOOPBACK;

Owned<nftnl_rule> new_rule(const char* chain) {
  Owned<nftnl_rule> rule(nft::got(nftnl_rule_alloc()));
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, kTable);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain);
  return rule;
}

void load(nftnl_rule& rule, std::uint32_t key) {
  auto* const meta = nft::add(rule, "meta");
  nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
  nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

// What leaves this host passes by the first rule.
Owned<nftnl_rule> leave_others_alone() {
  auto rule = new_rule(kMarking);
  load(*rule, NFT_META_OIFTYPE);
  auto* const compare = nft::add(*rule, "cmp");
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_NEQ);
  nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &kLoopback, sizeof kLoopback);
  auto* const verdict = nft::add(*rule, "immediate");
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_ACCEPT);
  return rule;
}

void add_source_ports(nftnl_rule& rule, const PortRange& ports) {
  auto* const payload = nft::add(rule, "payload");
  nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
  nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, kSourcePortOffset);
  nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, sizeof(std::uint16_t));
  nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  const std::uint16_t first = htons(ports.first), last = htons(ports.last);
  auto* const range = nft::add(rule, "range");
  nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
  nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
  nftnl_expr_set(range, NFTNL_EXPR_RANGE_FROM_DATA, &first, sizeof first);
  nftnl_expr_set(range, NFTNL_EXPR_RANGE_TO_DATA, &last, sizeof last);
}

void add_mark(nftnl_rule& rule) {
  auto* const value = nft::add(rule, "immediate");
  nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
  nftnl_expr_set(value, NFTNL_EXPR_IMM_DATA, &kMark, sizeof kMark);
  auto* const meta = nft::add(rule, "meta");
  nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, NFT_META_MARK);
  nftnl_expr_set_u32(meta, NFTNL_EXPR_META_SREG, NFT_REG_1);
}

Owned<nftnl_rule> drop_marked() {
  auto rule = new_rule(kDropping);
  load(*rule, NFT_META_IIFTYPE);
  nft::add_equal(*rule, &kLoopback, sizeof kLoopback);
  load(*rule, NFT_META_MARK);
  nft::add_equal(*rule, &kMark, sizeof kMark);
  nft::add_drop(*rule);
  return rule;
}

Owned<nftnl_rule> make_rule(std::uint32_t user, std::uint8_t protocol, const PortRange& relay,
                            const PortRange& coturns) {
  auto rule = new_rule(kMarking);
  load(*rule, NFT_META_SKUID);
  nft::add_equal(*rule, &user, sizeof user);
  nft::add_protocol(*rule, protocol);
  add_source_ports(*rule, relay);
  nft::add_ports(*rule, coturns);
  add_mark(*rule);
  return rule;
}

std::vector<Owned<nftnl_rule>> make_rules(const Wish& wish) {
  std::vector<Owned<nftnl_rule>> rules;
  rules.push_back(leave_others_alone());
  for (const std::uint32_t user : wish.users)
    for (const PortRange& relay : nft::merged(wish.relay))
      for (const PortRange& coturns : nft::merged(wish.coturns))
        for (const std::uint8_t protocol : {std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP}})
          rules.push_back(make_rule(user, protocol, relay, coturns));
  rules.push_back(drop_marked());
  return rules;
}

Owned<nftnl_chain> marking_chain() {
  auto chain = nft::make_chain(kTable, kMarking);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, NF_INET_LOCAL_OUT);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, kLast);
  return chain;
}

}  // namespace

std::vector<std::string> describe(const Wish& wish) {
  std::vector<std::string> lines;
  for (const auto& rule : make_rules(wish)) lines.push_back(nft::describe_with_chain(*rule));
  return lines;
}

std::uint32_t put_install(Bytes& out, std::uint32_t sequence, const Wish& wish) {
  nft::Batch batch(out, sequence, NFPROTO_INET);
  nft::put_table_anew(batch, kTable);
  nft::put_chain(batch, *marking_chain());
  nft::put_chain(batch, *nft::make_chain(kTable, kDropping));
  for (const auto& rule : make_rules(wish)) nft::put_rule(batch, *rule);
  return batch.end();
}

std::uint32_t put_delete(Bytes& out, std::uint32_t sequence) {
  return nft::put_deletion(out, sequence, kTable);
}

void put_get_table(Bytes& out, std::uint32_t sequence) {
  nft::put_get_table(out, sequence, kTable);
}

void put_list_chains(Bytes& out, std::uint32_t sequence) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETCHAIN), NLM_F_ACK | NLM_F_DUMP, sequence, NFPROTO_INET);
}

void put_list_rules(Bytes& out, std::uint32_t sequence) {
  nft::put_list_rules(out, sequence, kTable);
}

bool is_our_chain(const Message& message) {
  if (!nft::is(message, NFT_MSG_NEWCHAIN)) return false;
  Bytes copy;
  const Owned<nftnl_chain> chain(nft::got(nftnl_chain_alloc()));
  if (nftnl_chain_nlmsg_parse(nft::header_of(message, copy), chain.get()) != 0) return false;
  const auto text = [&](std::uint16_t attribute) {
    const char* const found = nftnl_chain_get_str(chain.get(), attribute);
    return std::string_view(found != nullptr ? found : "");
  };
  const auto name = text(NFTNL_CHAIN_NAME);
  const bool marking = name == kMarking;
  if (text(NFTNL_CHAIN_TABLE) != kTable || (!marking && name != kDropping)) return false;
  return nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM) &&
         nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM) ==
             (marking ? NF_INET_LOCAL_OUT : NF_INET_PRE_ROUTING) &&
         nftnl_chain_get_s32(chain.get(), NFTNL_CHAIN_PRIO) == (marking ? kLast : nft::kPriority) &&
         nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY) == NF_ACCEPT;
}

std::optional<std::string> describe(const Message& message) {
  const auto rule = nft::parse_rule(message, kTable);
  return rule ? std::optional(nft::describe_with_chain(*rule)) : std::nullopt;
}

std::optional<std::uint64_t> decode_dropped(const Message& message) {
  const auto rule = nft::parse_rule(message, kTable);
  if (!rule) return std::nullopt;
  const Owned<nftnl_expr_iter> iterator(nft::got(nftnl_expr_iter_create(rule.get())));
  while (const auto* const expression = nftnl_expr_iter_next(iterator.get())) {
    const char* const name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
    if (name != nullptr && std::string_view(name) == "counter")
      return nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
  }
  return std::nullopt;
}

}  // namespace coturn_guard::relay_table
