// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_codec.hpp"

#include "enforce/nft_message.hpp"
#include "enforce/nftables_elements.hpp"

namespace coturn_guard::nftables {
namespace {

using nft::Owned;

constexpr std::uint32_t kNewSet = 1;  // its number within the transaction that makes it

// What nft(8) calls ipv4_addr and ipv6_addr: it shows the set's elements by these numbers (its datatype.h).
constexpr std::uint32_t key_type(Family family) {
  return family == Family::v4 ? 7 : 8;
}

// A question about something of the table's that has a name.
void put_question(Bytes& out, std::uint32_t sequence, unsigned command, std::uint16_t table_attribute,
                  std::uint16_t name_attribute, const char* name, std::uint16_t flags = 0) {
  MessageWriter message(out, nft::type_of(command), static_cast<std::uint16_t>(NLM_F_ACK | flags), sequence,
                        NFPROTO_INET);
  message.put_text(table_attribute, kTable);
  message.put_text(name_attribute, name);
}

Owned<nftnl_rule> make_rule(const SetRow& set, std::optional<std::uint8_t> protocol, const PortRange* ports) {
  const bool v4 = set.family == Family::v4;
  Owned<nftnl_rule> rule(nft::got(nftnl_rule_alloc()));
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, kTable);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, drop_chain(set.family));
  auto* const version = nft::add(*rule, "meta");
  nftnl_expr_set_u32(version, NFTNL_EXPR_META_KEY, NFT_META_NFPROTO);
  nftnl_expr_set_u32(version, NFTNL_EXPR_META_DREG, NFT_REG_1);
  const std::uint8_t family = netfilter_family(set.family);
  nft::add_equal(*rule, &family, sizeof family);
  if (protocol) nft::add_protocol(*rule, *protocol);
  if (ports != nullptr) nft::add_ports(*rule, *ports);
  auto* const source = nft::add(*rule, "payload");
  nftnl_expr_set_u32(source, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
  nftnl_expr_set_u32(source, NFTNL_EXPR_PAYLOAD_OFFSET, v4 ? 12 : 8);  // of the source address in the header
  nftnl_expr_set_u32(source, NFTNL_EXPR_PAYLOAD_LEN, key_bytes(set.family));
  nftnl_expr_set_u32(source, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  auto* const lookup = nft::add(*rule, "lookup");
  nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
  nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, set.name);
  nft::add_drop(*rule);
  return rule;
}

std::vector<Owned<nftnl_rule>> make_rules(const Wish& wish) {
  std::vector<Owned<nftnl_rule>> rules;
  const auto ranges = nft::merged(wish.ports);
  for (const auto& set : kSets) {
    if (set.family != wish.family) continue;
    if (ranges.empty() && !set.udp_only) rules.push_back(make_rule(set, std::nullopt, nullptr));
    if (ranges.empty() && set.udp_only) rules.push_back(make_rule(set, IPPROTO_UDP, nullptr));
    for (const auto& range : ranges) {
      rules.push_back(make_rule(set, IPPROTO_UDP, &range));
      if (!set.udp_only) rules.push_back(make_rule(set, IPPROTO_TCP, &range));
    }
  }
  return rules;
}

Owned<nftnl_set> make_set(Family family) {
  Owned<nftnl_set> set(nft::got(nftnl_set_alloc()));
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, banned_set(family));
  return set;
}

void put_new_set(nft::Batch& batch, Family family) {
  const auto set = make_set(family);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_INTERVAL | NFT_SET_TIMEOUT);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, key_type(family));
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, key_bytes(family));
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, kNewSet);
  nftnl_set_add_expr(set.get(), nft::got(nftnl_expr_alloc("counter")));  // the set frees it
  batch.message(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL,
                [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void put_chain_with_rules(nft::Batch& batch, const Wish& wish) {
  nft::put_chain(batch, *nft::make_chain(kTable, drop_chain(wish.family)));
  for (const auto& rule : make_rules(wish)) nft::put_rule(batch, *rule);
}

}  // namespace

const char* banned_set(Family family) {
  return family == Family::v4 ? kSets[0].name : kSets[1].name;
}

const char* drop_chain(Family family) {
  return family == Family::v4 ? "drop4" : "drop6";
}

std::vector<std::string> describe(const Wish& wish) {
  std::vector<std::string> lines;
  for (const auto& rule : make_rules(wish)) lines.push_back(nft::describe(*rule));
  return lines;
}

bool same_keys(const SetHeader& header, Family family) {
  return header.key_type == key_type(family) && header.key_bytes == key_bytes(family) &&
         (header.flags & (NFT_SET_MAP | NFT_SET_OBJECT | NFT_SET_CONCAT)) == 0;
}

bool same_kind(const SetHeader& header, Family family) {
  return same_keys(header, family) && header.flags == (NFT_SET_INTERVAL | NFT_SET_TIMEOUT);
}

std::uint32_t put_make_set(Bytes& out, std::uint32_t sequence, Family family, bool instead,
                           const std::optional<Wish>& chain, std::span<const Element> elements) {
  nft::Batch batch(out, sequence, NFPROTO_INET);
  nft::put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable);
  if (chain) nft::delete_chain(batch, kTable, drop_chain(family));
  if (instead) {
    const auto old = make_set(family);
    batch.message(NFT_MSG_DELSET, 0,
                  [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, old.get()); });
  }
  put_new_set(batch, family);
  const std::vector<Interval> intervals(elements.begin(), elements.end());
  for (std::span<const Interval> rest = intervals; !rest.empty();)
    put_elements(out, {NFT_MSG_NEWSETELEM, NLM_F_ACK | NLM_F_CREATE, batch.next_sequence()}, family, true,
                 kNewSet, rest);
  if (chain) put_chain_with_rules(batch, *chain);
  return batch.end();
}

std::uint32_t put_make_chain(Bytes& out, std::uint32_t sequence, const Wish& wish, bool anew) {
  nft::Batch batch(out, sequence, NFPROTO_INET);
  nft::put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable);
  if (anew) nft::delete_chain(batch, kTable, drop_chain(wish.family));
  put_chain_with_rules(batch, wish);
  return batch.end();
}

std::uint32_t put_wake(Bytes& out, std::uint32_t sequence) {
  nft::Batch batch(out, sequence, NFPROTO_INET);
  const auto table = nft::make_table(kTable);
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, 0);
  batch.message(NFT_MSG_NEWTABLE, NLM_F_CREATE,
                [&](nlmsghdr* header) { nftnl_table_nlmsg_build_payload(header, table.get()); });
  return batch.end();
}

std::uint32_t put_delete_chain(Bytes& out, std::uint32_t sequence, Family family) {
  nft::Batch batch(out, sequence, NFPROTO_INET);
  nft::delete_chain(batch, kTable, drop_chain(family));
  return batch.end();
}

std::uint32_t put_delete_table(Bytes& out, std::uint32_t sequence) {
  nft::Batch batch(out, sequence, NFPROTO_INET);
  nft::put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, kTable);
  nft::put_table(batch, NFT_MSG_DELTABLE, 0, kTable);
  return batch.end();
}

void put_get_generation(Bytes& out, std::uint32_t sequence) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETGEN), NLM_F_ACK, sequence, NFPROTO_UNSPEC);
}

void put_get_table(Bytes& out, std::uint32_t sequence, Family) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETTABLE), NLM_F_ACK, sequence, NFPROTO_INET);
  message.put_text(NFTA_TABLE_NAME, kTable);
}

void put_get_chain(Bytes& out, std::uint32_t sequence, Family family) {
  put_question(out, sequence, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, drop_chain(family));
}

void put_list_rules(Bytes& out, std::uint32_t sequence, Family family) {
  put_question(out, sequence, NFT_MSG_GETRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, drop_chain(family),
               NLM_F_DUMP);
}

void put_get_set(Bytes& out, std::uint32_t sequence, Family family) {
  put_question(out, sequence, NFT_MSG_GETSET, NFTA_SET_TABLE, NFTA_SET_NAME, banned_set(family));
}

std::optional<std::uint32_t> decode_generation(const Message& message) {
  if (!nft::is(message, NFT_MSG_NEWGEN)) return std::nullopt;
  const auto id = find_attribute(message.attributes(), NFTA_GEN_ID);
  return id ? id->network_u32() : std::nullopt;
}

std::optional<SetHeader> decode_set(const Message& message) {
  if (!nft::is(message, NFT_MSG_NEWSET)) return std::nullopt;
  const auto number = [](ByteView attributes, std::uint16_t type) {
    const auto attribute = find_attribute(attributes, type);
    return attribute ? attribute->network_u32().value_or(0) : 0;
  };
  const auto attributes = message.attributes();
  const auto description = find_attribute(attributes, NFTA_SET_DESC);
  return SetHeader{.flags = number(attributes, NFTA_SET_FLAGS),
                   .key_type = number(attributes, NFTA_SET_KEY_TYPE),
                   .key_bytes = number(attributes, NFTA_SET_KEY_LEN),
                   .size = description ? number(description->value, NFTA_SET_DESC_SIZE) : 0};
}

}  // namespace coturn_guard::nftables
