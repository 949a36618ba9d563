// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_codec.hpp"

#include <algorithm>
#include <limits>

#include "enforce/nft_message.hpp"

namespace coturn_guard::nftables {
namespace {

using nft::Owned;

constexpr std::size_t kMostElements = 512;  // in one message: their list is an attribute, at most 64 KiB

// What nft(8) calls ipv4_addr and ipv6_addr: it shows the set's elements by these numbers (its datatype.h).
constexpr std::uint32_t key_type(Family family) {
  return family == Family::v4 ? 7 : 8;
}
constexpr std::uint32_t key_bytes(Family family) {
  return family == Family::v4 ? 4 : 16;
}

ByteView key_of(const Address& address, Family family) {
  return ByteView(address.bytes()).subspan(family == Family::v4 ? kV4Offset : 0);
}

void put_key(MessageWriter& message, const Address& address, Family family) {
  const auto key = message.open(NFTA_SET_ELEM_KEY);
  message.put(NFTA_DATA_VALUE, key_of(address, family));
  message.close(key);
}

void put_u64(MessageWriter& message, std::uint16_t type, std::uint64_t value) {
  const std::array<std::uint32_t, 2> halves{big_endian(static_cast<std::uint32_t>(value >> 32)),
                                            big_endian(static_cast<std::uint32_t>(value))};
  message.put(type, {reinterpret_cast<const std::uint8_t*>(halves.data()), sizeof halves});
}

void put_counter(MessageWriter& message, const Element& element) {
  const auto expression = message.open(NFTA_SET_ELEM_EXPR);
  message.put_text(NFTA_EXPR_NAME, "counter");
  const auto values = message.open(NFTA_EXPR_DATA);
  put_u64(message, NFTA_COUNTER_BYTES, element.bytes);
  put_u64(message, NFTA_COUNTER_PACKETS, element.packets);
  message.close(values);
  message.close(expression);
}

// The kernel wants a beginning and its end next to each other.
void put_interval(MessageWriter& message, const Interval& interval, Family family, bool timed) {
  const auto begin = message.open(NFTA_LIST_ELEM);
  put_key(message, interval.first, family);
  if (timed && interval.rest.timeout_seconds != 0)
    put_u64(message, NFTA_SET_ELEM_TIMEOUT, std::uint64_t{1000} * interval.rest.timeout_seconds);
  if (timed && (interval.rest.packets != 0 || interval.rest.bytes != 0)) put_counter(message, interval.rest);
  message.close(begin);
  const auto behind = neighbour(interval.last, family, true);
  if (!behind) return;  // up to the last address there is
  const auto end = message.open(NFTA_LIST_ELEM);
  put_key(message, *behind, family);
  message.put_host_u32(NFTA_SET_ELEM_FLAGS, big_endian(NFT_SET_ELEM_INTERVAL_END));
  message.close(end);
}

MessageWriter question(Bytes& out, std::uint32_t sequence, unsigned command, std::uint16_t flags) {
  return {out, nft::type_of(command), static_cast<std::uint16_t>(NLM_F_ACK | flags), sequence, NFPROTO_INET};
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
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, 1);
  nftnl_set_add_expr(set.get(), nft::got(nftnl_expr_alloc("counter")));  // the set frees it
  batch.message(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL,
                [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void put_chain_with_rules(nft::Batch& batch, const Wish& wish) {
  nft::put_chain(batch, *nft::make_chain(kTable, drop_chain(wish.family)));
  for (const auto& rule : make_rules(wish)) nft::put_rule(batch, *rule);
}

std::optional<std::uint64_t> number_in(ByteView attributes, std::uint16_t type) {
  const auto attribute = find_attribute(attributes, type);
  return attribute ? attribute->network_u64() : std::nullopt;
}

// The element's counter: one expression, or a list of them.
void decode_counter(ByteView expression, Edge& edge) {
  const auto values = find_attribute(expression, NFTA_EXPR_DATA);
  const auto name = find_attribute(expression, NFTA_EXPR_NAME);
  if (!values || !name || name->text() != "counter") return;
  edge.packets = number_in(values->value, NFTA_COUNTER_PACKETS).value_or(0);
  edge.bytes = number_in(values->value, NFTA_COUNTER_BYTES).value_or(0);
}

std::optional<Edge> decode_edge(ByteView attributes, Family family) {
  Edge edge;
  const auto key = find_attribute(attributes, NFTA_SET_ELEM_KEY);
  const auto value = key ? find_attribute(key->value, NFTA_DATA_VALUE) : std::nullopt;
  if (!value || value->value.size() != key_bytes(family)) return std::nullopt;
  Address::Bytes bytes = family == Family::v4 ? Address::v4(0).bytes() : Address().bytes();
  std::copy(value->value.begin(), value->value.end(),
            bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() - value->value.size()));
  edge.address = Address(bytes);
  if (const auto flags = find_attribute(attributes, NFTA_SET_ELEM_FLAGS))
    edge.end = (flags->network_u32().value_or(0) & NFT_SET_ELEM_INTERVAL_END) != 0;
  const auto whole = number_in(attributes, NFTA_SET_ELEM_TIMEOUT).value_or(0);
  const auto left = number_in(attributes, NFTA_SET_ELEM_EXPIRATION).value_or(whole);
  if (whole != 0)
    edge.timeout_seconds = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
        left / 1000 + (left % 1000 != 0), 1, std::numeric_limits<std::uint32_t>::max()));
  if (const auto one = find_attribute(attributes, NFTA_SET_ELEM_EXPR)) decode_counter(one->value, edge);
  return edge;
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
  while (!elements.empty()) {
    const auto chunk = elements.first(std::min(elements.size(), kMostElements));
    MessageWriter message(out, nft::type_of(NFT_MSG_NEWSETELEM), NLM_F_ACK | NLM_F_CREATE,
                          batch.next_sequence(), NFPROTO_INET);
    message.put_text(NFTA_SET_ELEM_LIST_TABLE, kTable);
    message.put_text(NFTA_SET_ELEM_LIST_SET, banned_set(family));
    message.put_host_u32(NFTA_SET_ELEM_LIST_SET_ID, big_endian(1));
    const auto list = message.open(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const auto& element : chunk) put_interval(message, Interval(element), family, true);
    message.close(list);
    elements = elements.subspan(chunk.size());
  }
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

ElementBatch::ElementBatch(Bytes& out, std::uint32_t sequence)
    : out_(out), first_(sequence), sequence_(sequence) {
  nft::append(out_, [&](char* buffer) { return nftnl_batch_begin(buffer, sequence); });
}

void ElementBatch::message(unsigned command, std::uint16_t flags, Family family,
                           std::span<const Interval> intervals) {
  while (!intervals.empty()) {
    const auto chunk = intervals.first(std::min(intervals.size(), kMostElements));
    last_message_ = out_.size();
    MessageWriter message(out_, nft::type_of(command), flags, ++sequence_, NFPROTO_INET);
    message.put_text(NFTA_SET_ELEM_LIST_TABLE, kTable);
    message.put_text(NFTA_SET_ELEM_LIST_SET, banned_set(family));
    const auto list = message.open(NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const auto& interval : chunk) put_interval(message, interval, family, (flags & NLM_F_EXCL) != 0);
    message.close(list);
    intervals = intervals.subspan(chunk.size());
  }
}

void ElementBatch::put(Verb verb, Family family, std::span<const Element> elements) {
  const std::vector<Interval> intervals(elements.begin(), elements.end());
  // The kernel refuses to remove what is not there, and leaves the time of what is there as it is: so it is
  // made first, if need be, then removed, then made with its time. A packet sees none of this.
  if (verb != Verb::add) {
    message(NFT_MSG_NEWSETELEM, NLM_F_CREATE, family, intervals);
    message(NFT_MSG_DELSETELEM, 0, family, intervals);
  }
  if (verb != Verb::remove) message(NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, family, intervals);
}

void ElementBatch::remove(Family family, std::span<const Interval> intervals) {
  message(NFT_MSG_DELSETELEM, 0, family, intervals);
}

std::uint32_t ElementBatch::end() {
  nlmsghdr header;
  std::memcpy(&header, out_.data() + last_message_, sizeof header);
  header.nlmsg_flags |= NLM_F_ACK;
  std::memcpy(out_.data() + last_message_, &header, sizeof header);
  nft::append(out_, [&](char* buffer) { return nftnl_batch_end(buffer, first_); });
  return sequence_;
}

void put_get_generation(Bytes& out, std::uint32_t sequence) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETGEN), NLM_F_ACK, sequence, NFPROTO_UNSPEC);
}

void put_get_table(Bytes& out, std::uint32_t sequence, Family) {
  auto message = question(out, sequence, NFT_MSG_GETTABLE, 0);
  message.put_text(NFTA_TABLE_NAME, kTable);
}

void put_get_chain(Bytes& out, std::uint32_t sequence, Family family) {
  auto message = question(out, sequence, NFT_MSG_GETCHAIN, 0);
  message.put_text(NFTA_CHAIN_TABLE, kTable);
  message.put_text(NFTA_CHAIN_NAME, drop_chain(family));
}

void put_list_rules(Bytes& out, std::uint32_t sequence, Family family) {
  auto message = question(out, sequence, NFT_MSG_GETRULE, NLM_F_DUMP);
  message.put_text(NFTA_RULE_TABLE, kTable);
  message.put_text(NFTA_RULE_CHAIN, drop_chain(family));
}

void put_get_set(Bytes& out, std::uint32_t sequence, Family family) {
  auto message = question(out, sequence, NFT_MSG_GETSET, 0);
  message.put_text(NFTA_SET_TABLE, kTable);
  message.put_text(NFTA_SET_NAME, banned_set(family));
}

void put_list_elements(Bytes& out, std::uint32_t sequence, Family family) {
  auto message = question(out, sequence, NFT_MSG_GETSETELEM, NLM_F_DUMP);
  message.put_text(NFTA_SET_ELEM_LIST_TABLE, kTable);
  message.put_text(NFTA_SET_ELEM_LIST_SET, banned_set(family));
}

void put_find_element(Bytes& out, std::uint32_t sequence, const Prefix& prefix) {
  const auto family = family_of(prefix);
  auto message = question(out, sequence, NFT_MSG_GETSETELEM, 0);
  message.put_text(NFTA_SET_ELEM_LIST_TABLE, kTable);
  message.put_text(NFTA_SET_ELEM_LIST_SET, banned_set(family));
  const auto list = message.open(NFTA_SET_ELEM_LIST_ELEMENTS);
  const auto one = message.open(NFTA_LIST_ELEM);
  put_key(message, prefix.network(), family);
  message.close(one);
  message.close(list);
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

void decode_edges(const Message& message, Family family, std::vector<Edge>& edges) {
  if (!nft::is(message, NFT_MSG_NEWSETELEM)) return;
  const auto all = find_attribute(message.attributes(), NFTA_SET_ELEM_LIST_ELEMENTS);
  if (!all) return;
  ByteView rest = all->value;
  while (const auto one = next_attribute(rest))
    if (const auto edge = decode_edge(one->value, family)) edges.push_back(*edge);
}

}  // namespace coturn_guard::nftables
