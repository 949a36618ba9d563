// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/logins_table.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_log.h>

#include <cstddef>
#include <cstring>
#include <string_view>

#include "enforce/element.hpp"
#include "enforce/nft_message.hpp"

namespace coturn_guard::logins_table {
namespace {

using nft::Owned;
using Rules = std::vector<Owned<nftnl_rule>>;

constexpr std::int32_t kPriority = 110;  // behind who translates addresses
constexpr const char* kAnswers = "answers";
constexpr const char* kPorts = "answers-by-port";
constexpr const char* kSigned = "answers-to-customers";
constexpr std::uint64_t kToldForMilli = 600'000;                   // shorter than a good name lasts
constexpr std::uint64_t kMostASecond = 1000;                       // beyond what is in the sets
constexpr std::uint32_t kUdpPayload = 8;                           // from the transport header on
constexpr std::uint16_t kAnswersToCustomers[] = {0x0103, 0x0104};  // Allocate, Refresh
constexpr std::uint32_t kCookie = 0x2112a442;

struct SetRow {
  Family family;
  const char* name;
  std::uint32_t key_type, key_bytes;  // as nft(8) has them
  std::uint8_t protocol;
  std::uint32_t destination_at;  // in the IP header
};
constexpr SetRow kSets[] = {
    {Family::v4, "told-4", 7, 4, NFPROTO_IPV4, 16},
    {Family::v6, "told-6", 8, 16, NFPROTO_IPV6, 24},
};

class Rule {
 public:
  explicit Rule(const char* chain) : rule_(nft::got(nftnl_rule_alloc())) {
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, kTable);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain);
  }

  Rule& payload(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes) {
    auto* const load = nft::add(*rule_, "payload");
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, bytes);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    return *this;
  }
  Rule& compare(std::uint32_t operation, const void* value, std::uint32_t bytes) {
    auto* const compare = nft::add(*rule_, "cmp");
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, operation);
    nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, value, bytes);
    return *this;
  }
  // The first bytes of the payload.
  Rule& begins(std::uint16_t with) {
    const std::uint16_t value = htons(with);
    return payload(NFT_PAYLOAD_TRANSPORT_HEADER, kUdpPayload, sizeof value)
        .compare(NFT_CMP_EQ, &value, sizeof value);
  }
  Rule& without_cookie() {
    const std::uint32_t value = htonl(kCookie);
    return payload(NFT_PAYLOAD_TRANSPORT_HEADER, kUdpPayload + 4, sizeof value)
        .compare(NFT_CMP_NEQ, &value, sizeof value);
  }
  Rule& udp_from(const PortRange& ports) {
    const std::uint16_t first = htons(ports.first), last = htons(ports.last);
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof first);
    if (first == last)
      compare(NFT_CMP_EQ, &first, sizeof first);
    else
      compare(NFT_CMP_GTE, &first, sizeof first).compare(NFT_CMP_LTE, &last, sizeof last);
    nft::add_protocol(*rule_, IPPROTO_UDP);
    return *this;
  }
  Rule& destination(const SetRow& of) {
    auto* const load = nft::add(*rule_, "meta");
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, NFT_META_NFPROTO);
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
    nft::add_equal(*rule_, &of.protocol, sizeof of.protocol);
    return payload(NFT_PAYLOAD_NETWORK_HEADER, of.destination_at, of.key_bytes);
  }
  Rule& in_set(const SetRow& row) {
    auto* const lookup = nft::add(*rule_, "lookup");
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, row.name);
    return *this;
  }
  // A full set ends the rule here.
  Rule& put_into(const SetRow& row) {
    auto* const change = nft::add(*rule_, "dynset");
    nftnl_expr_set_str(change, NFTNL_EXPR_DYNSET_SET_NAME, row.name);
    nftnl_expr_set_u32(change, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
    nftnl_expr_set_u32(change, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
    nftnl_expr_set_u64(change, NFTNL_EXPR_DYNSET_TIMEOUT, kToldForMilli);
    return *this;
  }
  Rule& seldom() {
    auto* const limit = nft::add(*rule_, "limit");
    nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, kMostASecond);
    nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1);  // second
    nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, static_cast<std::uint32_t>(kMostASecond));
    nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
    return *this;
  }
  Rule& tell(std::uint16_t group) {
    auto* const log = nft::add(*rule_, "log");
    nftnl_expr_set_u16(log, NFTNL_EXPR_LOG_GROUP, group);
    nftnl_expr_set_u32(log, NFTNL_EXPR_LOG_SNAPLEN, kCopyBytes);
    return *this;
  }
  // Ends the rule.
  Owned<nftnl_rule> verdict(std::int32_t what, const char* chain = nullptr) {
    auto* const verdict = nft::add(*rule_, "immediate");
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(verdict, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(what));
    if (chain != nullptr) nftnl_expr_set_str(verdict, NFTNL_EXPR_IMM_CHAIN, chain);
    return std::move(rule_);
  }

 private:
  Owned<nftnl_rule> rule_;
};

// Chain by chain, as the kernel lists them.
Rules make_rules(const Wish& wish) {
  Rules rules;
  rules.push_back(Rule(kSigned).without_cookie().verdict(NF_ACCEPT));
  for (const auto& set : kSets)
    rules.push_back(Rule(kSigned).destination(set).in_set(set).verdict(NF_ACCEPT));
  for (const auto& set : kSets)
    rules.push_back(Rule(kSigned).destination(set).put_into(set).tell(wish.group).verdict(NF_ACCEPT));
  rules.push_back(Rule(kSigned).seldom().tell(wish.group).verdict(NF_ACCEPT));
  for (const auto& range : nft::merged(wish.ports))
    rules.push_back(Rule(kPorts).udp_from(range).verdict(NFT_GOTO, kSigned));
  for (const auto type : kAnswersToCustomers)
    rules.push_back(Rule(kAnswers).begins(type).verdict(NFT_GOTO, kPorts));
  return rules;
}

void put_set(nft::Batch& batch, const SetRow& row, std::uint32_t id) {
  const Owned<nftnl_set> set(nft::got(nftnl_set_alloc()));
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, row.name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_TIMEOUT | NFT_SET_EVAL);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, row.key_type);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, row.key_bytes);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
  nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, kMostTold);
  batch.message(NFT_MSG_NEWSET, NLM_F_CREATE,
                [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
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
  std::uint32_t id = 0;
  for (const auto& set : kSets) put_set(batch, set, ++id);
  nft::put_inner_chain(batch, kTable, kSigned);
  nft::put_inner_chain(batch, kTable, kPorts);
  const auto chain = nft::make_chain(kTable, kAnswers);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, NF_INET_LOCAL_OUT);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, kPriority);
  nft::put_chain(batch, *chain);
  for (const auto& rule : make_rules(wish)) nft::put_rule(batch, *rule);
  return batch.end();
}

std::uint32_t put_delete(Bytes& out, std::uint32_t sequence) {
  return nft::put_deletion(out, sequence, kTable);
}

void put_list_rules(Bytes& out, std::uint32_t sequence) {
  nft::put_list_rules(out, sequence, kTable);
}

void put_bind(Bytes& out, std::uint32_t sequence, std::uint16_t group) {
  const std::size_t at = out.size();
  {
    MessageWriter message(out, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, NLM_F_ACK, sequence, AF_UNSPEC);
    message.put_u8(NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND);
    nfulnl_msg_config_mode mode{};
    mode.copy_range = htonl(kCopyBytes);
    mode.copy_mode = NFULNL_COPY_PACKET;
    message.put(NFULA_CFG_MODE, {reinterpret_cast<const std::uint8_t*>(&mode), sizeof mode});
    // Else a lone one waits for a second.
    const std::uint32_t one = htonl(1);
    message.put(NFULA_CFG_QTHRESH, {reinterpret_cast<const std::uint8_t*>(&one), sizeof one});
  }
  const std::uint16_t number = htons(group);
  std::memcpy(out.data() + at + sizeof(nlmsghdr) + offsetof(nfgenmsg, res_id), &number, sizeof number);
}

std::optional<std::string> describe(const Message& message) {
  const auto rule = nft::parse_rule(message, kTable);
  return rule ? std::optional(nft::describe_with_chain(*rule)) : std::nullopt;
}

std::optional<ByteView> packet_of(const Message& message) {
  if (message.type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) return std::nullopt;
  const auto payload = find_attribute(message.attributes(), NFULA_PAYLOAD);
  return payload ? std::optional(payload->value) : std::nullopt;
}

}  // namespace coturn_guard::logins_table
