// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nft_message.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter/xt_set.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace coturn_guard::nft {
namespace {

constexpr std::uint32_t kDestinationPortOffset = 2;  // in the headers of TCP and of UDP alike

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
  if (name == "immediate") {
    if (nftnl_expr_is_set(expression, NFTNL_EXPR_IMM_DATA))
      return fmt::format("immediate {} is {}", number(NFTNL_EXPR_IMM_DREG),
                         hex(expression, NFTNL_EXPR_IMM_DATA));
    const auto* const chain = nftnl_expr_get_str(expression, NFTNL_EXPR_IMM_CHAIN);
    return fmt::format("immediate {} {}{}{}", number(NFTNL_EXPR_IMM_DREG), number(NFTNL_EXPR_IMM_VERDICT),
                       chain != nullptr ? " > " : "", chain != nullptr ? chain : "");
  }
  if (name == "lookup") {
    const auto* const set = nftnl_expr_get_str(expression, NFTNL_EXPR_LOOKUP_SET);
    return fmt::format("lookup {} in {} flags {}", number(NFTNL_EXPR_LOOKUP_SREG), set != nullptr ? set : "?",
                       number(NFTNL_EXPR_LOOKUP_FLAGS));
  }
  if (name == "dynset") {
    const auto* const set = nftnl_expr_get_str(expression, NFTNL_EXPR_DYNSET_SET_NAME);
    return fmt::format("dynset {} {} by {}", number(NFTNL_EXPR_DYNSET_OP), set != nullptr ? set : "?",
                       number(NFTNL_EXPR_DYNSET_SREG_KEY));
  }
  if (name == "log")
    return fmt::format("log group {} bytes {}", nftnl_expr_get_u16(expression, NFTNL_EXPR_LOG_GROUP),
                       number(NFTNL_EXPR_LOG_SNAPLEN));
  if (name == "limit")
    return fmt::format("limit {} in {} s", nftnl_expr_get_u64(expression, NFTNL_EXPR_LIMIT_RATE),
                       nftnl_expr_get_u64(expression, NFTNL_EXPR_LIMIT_UNIT));
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
  if (name == "bitwise")
    return fmt::format("bitwise {} & {} ^ {} > {}", number(NFTNL_EXPR_BITWISE_SREG),
                       hex(expression, NFTNL_EXPR_BITWISE_MASK), hex(expression, NFTNL_EXPR_BITWISE_XOR),
                       number(NFTNL_EXPR_BITWISE_DREG));
  if (name == "target") {
    const auto* const target = nftnl_expr_get_str(expression, NFTNL_EXPR_TG_NAME);
    return fmt::format("target {} {} {}", target != nullptr ? target : "?", number(NFTNL_EXPR_TG_REV),
                       hex(expression, NFTNL_EXPR_TG_INFO));
  }
  if (name == "queue")
    return fmt::format("queue {} {} {}", nftnl_expr_get_u16(expression, NFTNL_EXPR_QUEUE_NUM),
                       nftnl_expr_get_u16(expression, NFTNL_EXPR_QUEUE_TOTAL),
                       nftnl_expr_get_u16(expression, NFTNL_EXPR_QUEUE_FLAGS));
  return "other " + name;
}

}  // namespace

nftnl_expr* add(nftnl_rule& rule, const char* name) {
  nftnl_expr* const expression = got(nftnl_expr_alloc(name));
  nftnl_rule_add_expr(&rule, expression);
  return expression;
}

void add_equal(nftnl_rule& rule, const void* value, std::uint32_t bytes) {
  auto* const compare = add(rule, "cmp");
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
  nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
  nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, value, bytes);
}

void add_protocol(nftnl_rule& rule, std::uint8_t protocol) {
  auto* const load = add(rule, "meta");
  nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, NFT_META_L4PROTO);
  nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
  add_equal(rule, &protocol, sizeof protocol);
}

void add_ports(nftnl_rule& rule, const PortRange& ports) {
  auto* const load = add(rule, "payload");
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, kDestinationPortOffset);
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, sizeof(std::uint16_t));
  nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  const std::uint16_t first = htons(ports.first), last = htons(ports.last);
  if (first == last) {
    add_equal(rule, &first, sizeof first);
  } else {
    auto* const range = add(rule, "range");
    nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(range, NFTNL_EXPR_RANGE_OP, NFT_RANGE_EQ);
    nftnl_expr_set(range, NFTNL_EXPR_RANGE_FROM_DATA, &first, sizeof first);
    nftnl_expr_set(range, NFTNL_EXPR_RANGE_TO_DATA, &last, sizeof last);
  }
}

void add_drop(nftnl_rule& rule) {
  add(rule, "counter");
  auto* const verdict = add(rule, "immediate");
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, NF_DROP);
}

std::string describe(const nftnl_rule& rule) {
  std::string text;
  Owned<nftnl_expr_iter> iterator(got(nftnl_expr_iter_create(&rule)));
  while (const auto* const expression = nftnl_expr_iter_next(iterator.get()))
    text += describe(expression) + "; ";
  return text;
}

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

Batch::Batch(Bytes& out, std::uint32_t sequence, std::uint8_t family)
    : out_(out), first_(sequence), sequence_(sequence), family_(family) {
  append(out_, [&](char* buffer) { return nftnl_batch_begin(buffer, sequence); });
}

std::uint32_t Batch::end() {
  // It bears the beginning's number: the last number must be an answered one.
  append(out_, [&](char* buffer) { return nftnl_batch_end(buffer, first_); });
  return sequence_;
}

Owned<nftnl_table> make_table(const char* name) {
  Owned<nftnl_table> table(got(nftnl_table_alloc()));
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name);
  return table;
}

Owned<nftnl_chain> make_chain(const char* table, const char* name) {
  Owned<nftnl_chain> chain(got(nftnl_chain_alloc()));
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, NF_INET_PRE_ROUTING);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, kPriority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  return chain;
}

void put_table(Batch& batch, unsigned command, std::uint16_t flags, const char* name) {
  const auto table = make_table(name);
  batch.message(command, flags,
                [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
}

void put_chain(Batch& batch, const nftnl_chain& chain) {
  batch.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, &chain); });
}

void put_inner_chain(Batch& batch, const char* table, const char* name) {
  const Owned<nftnl_chain> chain(got(nftnl_chain_alloc()));
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  put_chain(batch, *chain);
}

void delete_chain(Batch& batch, const char* table, const char* name) {
  const Owned<nftnl_chain> chain(got(nftnl_chain_alloc()));
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name);
  batch.message(NFT_MSG_DELCHAIN, 0,
                [&](nlmsghdr* header) { nftnl_chain_nlmsg_build_payload(header, chain.get()); });
}

void put_rule(Batch& batch, nftnl_rule& rule) {
  batch.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                [&](nlmsghdr* header) { nftnl_rule_nlmsg_build_payload(header, &rule); });
}

void put_table_anew(Batch& batch, const char* name) {
  // Made first, so that deleting it cannot fail.
  put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, name);
  put_table(batch, NFT_MSG_DELTABLE, 0, name);
  put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, name);
}

std::uint32_t put_deletion(Bytes& out, std::uint32_t sequence, const char* name) {
  Batch batch(out, sequence, NFPROTO_INET);
  put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, name);
  put_table(batch, NFT_MSG_DELTABLE, 0, name);
  return batch.end();
}

void put_get_table(Bytes& out, std::uint32_t sequence, const char* name) {
  MessageWriter message(out, type_of(NFT_MSG_GETTABLE), NLM_F_ACK, sequence, NFPROTO_INET);
  message.put_text(NFTA_TABLE_NAME, name);
}

void put_list_rules(Bytes& out, std::uint32_t sequence, const char* table) {
  MessageWriter message(out, type_of(NFT_MSG_GETRULE), NLM_F_ACK | NLM_F_DUMP, sequence, NFPROTO_INET);
  message.put_text(NFTA_RULE_TABLE, table);
}

bool is(const Message& message, unsigned command) {
  return message.type == type_of(command) && message.payload.size() >= sizeof(nfgenmsg);
}

nlmsghdr* header_of(const Message& message, Bytes& copy) {
  copy.assign(message.whole.begin(), message.whole.end());  // libnftnl wants it aligned
  return reinterpret_cast<nlmsghdr*>(copy.data());
}

bool is_active_table(const Message& message) {
  if (!is(message, NFT_MSG_NEWTABLE)) return false;
  Bytes copy;
  const Owned<nftnl_table> table(got(nftnl_table_alloc()));
  return nftnl_table_nlmsg_parse(header_of(message, copy), table.get()) == 0 &&
         (nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) == 0;
}

bool is_drop_chain(const Message& message) {
  if (!is(message, NFT_MSG_NEWCHAIN)) return false;
  Bytes copy;
  const Owned<nftnl_chain> chain(got(nftnl_chain_alloc()));
  if (nftnl_chain_nlmsg_parse(header_of(message, copy), chain.get()) != 0) return false;
  return nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM) &&
         nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM) == NF_INET_PRE_ROUTING &&
         nftnl_chain_get_s32(chain.get(), NFTNL_CHAIN_PRIO) == kPriority &&
         nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY) == NF_ACCEPT;
}

Owned<nftnl_rule> parse_rule(const Message& message, const char* table) {
  if (!is(message, NFT_MSG_NEWRULE)) return nullptr;
  Bytes copy;
  Owned<nftnl_rule> rule(got(nftnl_rule_alloc()));
  if (nftnl_rule_nlmsg_parse(header_of(message, copy), rule.get()) != 0) return nullptr;
  const auto* const its_table = nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE);
  if (its_table == nullptr || std::strcmp(its_table, table) != 0) return nullptr;
  return rule;
}

std::string describe_with_chain(const nftnl_rule& rule) {
  const auto* const chain = nftnl_rule_get_str(&rule, NFTNL_RULE_CHAIN);
  return std::string(chain != nullptr ? chain : "?") + ": " + describe(rule);
}

std::optional<std::string> describe(const Message& message, const char* table, const char* chain) {
  const auto rule = parse_rule(message, table);
  const auto* const its_chain = rule ? nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN) : nullptr;
  if (its_chain == nullptr || std::strcmp(its_chain, chain) != 0) return std::nullopt;
  return describe(*rule);
}

}  // namespace coturn_guard::nft
