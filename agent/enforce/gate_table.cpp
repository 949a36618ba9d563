// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/gate_table.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "enforce/nft_message.hpp"

namespace coturn_guard::gate_table {
namespace {

using nft::Owned;

constexpr std::int32_t kUdpPriority = nft::kPriority + 1;  // who is banned does not come so far
constexpr std::int32_t kTcpPriority = -99;                 // behind who redirects (NF_IP_PRI_NAT_DST, -100)
// Not "udp" and "tcp": nft(8) lists chains of such names and then does not load what it listed.
constexpr const char* kUdp = "udp-entrance";
constexpr const char* kTcp = "tcp-entrance";
constexpr const char* kTcpPorts = "tcp-ports";
constexpr const char* kInspectUdp = "inspect-udp";
constexpr const char* kInspectTcp = "inspect-tcp";
constexpr const char* kTcpTurns = "tcp-begins-or-ends";
constexpr const char* kTcpHeard = "tcp-heard";
constexpr const char* kRequests = "udp-requests";
constexpr const char* kAlive = "alive";
constexpr std::uint32_t kUdpPayload = 8;  // from the transport header on

// What nft(8) calls inet_proto, ipv4_addr and ipv6_addr (its datatype.h).
struct SetRow {
  const char* name;
  std::uint32_t key_type, key_bytes, size;
  bool from_packets;  // rules change it, too
};
// ADDRESS . ADDRESS . PORT . PORT, six bits for the type of each part (its TYPE_BITS), four bytes at least
// for each.
constexpr std::uint32_t kFlowOf4 = 7U << 18 | 7U << 12 | 13U << 6 | 13U;
constexpr std::uint32_t kFlowOf6 = 8U << 18 | 8U << 12 | 13U << 6 | 13U;
constexpr SetRow kSets[] = {
    {kAlive, 12, 1, 0, false},
    {"coturn-guard-quench-4", 7, 4, kMostQuenched, false},
    {"coturn-guard-quench-6", 8, 16, kMostQuenched, false},
    {"coturn-guard-heard-4", kFlowOf4, 16, kMostHeard, true},
    {"coturn-guard-heard-6", kFlowOf6, 40, kMostHeard, true},
};
const char* heard_set(Family family) {
  return kSets[family == Family::v4 ? 3 : 4].name;
}

// What flows through a relay, by the first four bytes of the payload.
struct Flowing {
  std::uint32_t mask, value;
};
// Of less than 8 KiB; text has a larger number where its length stands.
constexpr Flowing kChannelData{0xc000e000, 0x40000000};
constexpr Flowing kAlsoFlowing[] = {
    {0xffff0000, 0x00160000},  // Send indication
    {0xffff0000, 0x17fe0000},  // DTLS application data
};
// Unsigned requests that are limited, by the same four bytes: type, length. An Allocate of less than 48 bytes
// has no room for a signature and the name, realm and nonce that go with it.
constexpr std::uint32_t kBindingType = 0x0001, kAllocateType = 0x00030000, kLeastSigned = 0x00030030;
constexpr std::uint32_t kStunCookie = 0x2112a442, kStunBits = 0xc0000000, kTypeBits = 0xffff0000,
                        kSendIndication = 0x00160000;
constexpr std::uint8_t kTurningFlags = 0x07;  // FIN, SYN, RST
constexpr std::uint32_t kTcpFlags = 13;       // where they stand in TCP's header
// The register that begins with this word of the first one, by the name that the kernel lists it by.
constexpr std::uint32_t register_of(std::uint32_t word) {
  return word % 4 == 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word;
}
constexpr std::uint32_t kFewPorts = 4;  // that are compared one by one

class Rule {
 public:
  explicit Rule(const char* chain) : rule_(nft::got(nftnl_rule_alloc())) {
    nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, kTable);
    nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain);
  }

  Rule& protocol(std::uint8_t number) { return nft::add_protocol(*rule_, number), *this; }
  Rule& ports(const PortRange& range) { return nft::add_ports(*rule_, range), *this; }
  Rule& version(std::uint8_t family) {
    load_meta(NFT_META_NFPROTO);
    nft::add_equal(*rule_, &family, sizeof family);
    return *this;
  }
  Rule& payload(std::uint32_t base, std::uint32_t offset, std::uint32_t bytes, std::uint32_t to = NFT_REG_1) {
    auto* const load = nft::add(*rule_, "payload");
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_LEN, bytes);
    nftnl_expr_set_u32(load, NFTNL_EXPR_PAYLOAD_DREG, to);
    return *this;
  }
  // Register 1 becomes (register 1 & mask) ^ flipped; all in the order of the bytes in memory.
  Rule& bits(ByteView mask, ByteView flipped) {
    auto* const bitwise = nft::add(*rule_, "bitwise");
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
    nftnl_expr_set_u32(bitwise, NFTNL_EXPR_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
    nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_MASK, mask.data(), static_cast<std::uint32_t>(mask.size()));
    nftnl_expr_set(bitwise, NFTNL_EXPR_BITWISE_XOR, flipped.data(),
                   static_cast<std::uint32_t>(flipped.size()));
    return *this;
  }
  Rule& bits(std::uint32_t mask, std::uint32_t flipped = 0) { return bits(view(mask), view(flipped)); }
  Rule& equal(std::uint32_t value) { return nft::add_equal(*rule_, &value, sizeof value), *this; }
  // It has one at all. With a comparison that is always true: nft(8) lists no load that nobody compares.
  Rule& any_payload() {
    static constexpr std::uint8_t kLeast = 0;
    payload(NFT_PAYLOAD_INNER_HEADER, 0, sizeof kLeast);
    auto* const compare = nft::add(*rule_, "cmp");
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_GTE);
    nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &kLeast, sizeof kLeast);
    return *this;
  }
  Rule& compare(std::uint32_t operation, std::uint32_t value) {
    auto* const compare = nft::add(*rule_, "cmp");
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, operation);
    nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &value, sizeof value);
    return *this;
  }
  // From register 1 on: addresses and ports of who sent it and to whom, four bytes at least for each.
  Rule& flow(Family family) {
    version(family == Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
    const std::uint32_t bytes = family == Family::v4 ? 4 : 16, at = family == Family::v4 ? 12 : 8;
    payload(NFT_PAYLOAD_NETWORK_HEADER, at, bytes, register_of(0));
    payload(NFT_PAYLOAD_NETWORK_HEADER, at + bytes, bytes, register_of(bytes / 4));
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, register_of(bytes / 2));
    return payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, register_of(bytes / 2 + 1));
  }
  // Ends the rule.
  Owned<nftnl_rule> taken_out_of(const char* set) {
    auto* const change = nft::add(*rule_, "dynset");
    nftnl_expr_set_str(change, NFTNL_EXPR_DYNSET_SET_NAME, set);
    nftnl_expr_set_u32(change, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_DELETE);
    nftnl_expr_set_u32(change, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
    return std::move(rule_);
  }
  // Any of them.
  Rule& flags(std::uint8_t wanted) {
    static constexpr std::uint8_t kNone = 0;
    payload(NFT_PAYLOAD_TRANSPORT_HEADER, kTcpFlags, 1);
    bits({&wanted, 1}, {&kNone, 1});
    auto* const compare = nft::add(*rule_, "cmp");
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, NFT_CMP_NEQ);
    nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, &kNone, 1);
    return *this;
  }
  Rule& load_meta(std::uint32_t key) {
    auto* const load = nft::add(*rule_, "meta");
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(load, NFTNL_EXPR_META_DREG, NFT_REG_1);
    return *this;
  }
  Rule& in_set(const char* name) {
    auto* const lookup = nft::add(*rule_, "lookup");
    nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
    nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, name);
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
  Owned<nftnl_rule> drop() { return nft::add_drop(*rule_), std::move(rule_); }
  Owned<nftnl_rule> queue(const Wish& wish) {
    nft::add(*rule_, "counter");
    if (wish.by_target)
      add_target(wish.queue);
    else
      add_queue(wish.queue);
    return std::move(rule_);
  }

 private:
  [[nodiscard]] static ByteView view(const std::uint32_t& number) {
    return {reinterpret_cast<const std::uint8_t*>(&number), sizeof number};
  }
  void add_queue(std::uint16_t number) {
    auto* const queue = nft::add(*rule_, "queue");
    nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_NUM, number);
    nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_TOTAL, 1);
    nftnl_expr_set_u16(queue, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
  }
  void add_target(std::uint16_t number) {
    // nft_compat wants the size that xtables would: a multiple of 8. libnftnl frees it.
    constexpr std::size_t kBytes = (sizeof(xt_NFQ_info_v3) + 7) / 8 * 8;
    auto* const info = static_cast<xt_NFQ_info_v3*>(nft::got(std::calloc(1, kBytes)));
    info->queuenum = number;
    info->queues_total = 1;
    info->flags = NFQ_FLAG_BYPASS;
    auto* const target = nft::add(*rule_, "target");
    nftnl_expr_set_str(target, NFTNL_EXPR_TG_NAME, "NFQUEUE");
    nftnl_expr_set_u32(target, NFTNL_EXPR_TG_REV, 3);
    nftnl_expr_set(target, NFTNL_EXPR_TG_INFO, info, kBytes);
  }  // NOLINT(clang-analyzer-unix.Malloc): it belongs to the expression now

  Owned<nftnl_rule> rule_;
};

using Rules = std::vector<Owned<nftnl_rule>>;

// The port stands before the protocol, and is compared one by one where they are few: what an established
// relay or somebody's peer sends passes each rule, and nf_tables does loads and comparisons of one word in
// its own loop, but calls for a range and for the protocol (nf_tables_core.c).
void add_udp_entrance(Rules& rules, const PortRange& range) {
  rules.push_back(Rule(kUdp).ports(range).protocol(IPPROTO_UDP).verdict(NFT_GOTO, kInspectUdp));
}

void add_flowing(Rules& rules, const char* chain, const Flowing& flowing) {
  rules.push_back(Rule(chain)
                      .payload(NFT_PAYLOAD_TRANSPORT_HEADER, kUdpPayload, 4)
                      .bits(htonl(flowing.mask))
                      .equal(htonl(flowing.value))
                      .verdict(NF_ACCEPT));
}

void add_udp_entrances(Rules& rules, const Wish& wish) {
  // Whatever it is and wherever to: this chain stops nothing but UDP to coturn, so what else has these bytes
  // at that place (of TCP, the number that it acknowledges) passes here as it would behind the last rule.
  add_flowing(rules, kUdp, kChannelData);
  for (const auto& range : nft::merged(wish.ports)) {
    if (std::uint32_t{range.last} - range.first >= kFewPorts) {
      add_udp_entrance(rules, range);
      continue;
    }
    for (std::uint32_t port = range.first; port <= range.last; ++port)
      add_udp_entrance(rules, {static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(port)});
  }
}

// Of who is quenched.
void add_requests(Rules& rules) {
  static constexpr std::array<std::uint8_t, 16> kHalf{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  static constexpr std::array<std::uint8_t, 16> kNothing{};
  rules.push_back(Rule(kRequests)
                      .version(NFPROTO_IPV4)
                      .payload(NFT_PAYLOAD_NETWORK_HEADER, 12, 4)
                      .in_set(quench_set(Family::v4))
                      .drop());
  rules.push_back(Rule(kRequests)
                      .version(NFPROTO_IPV6)
                      .payload(NFT_PAYLOAD_NETWORK_HEADER, 8, 16)
                      .bits(kHalf, kNothing)
                      .in_set(quench_set(Family::v6))
                      .drop());
}

void add_udp(Rules& rules, const Wish& wish) {
  for (const auto& flowing : kAlsoFlowing) add_flowing(rules, kInspectUdp, flowing);
  rules.push_back(Rule(kInspectUdp)
                      .payload(NFT_PAYLOAD_TRANSPORT_HEADER, kUdpPayload, 4)
                      .bits(htonl(kTypeBits))
                      .equal(htonl(kBindingType << 16))
                      .verdict(NFT_JUMP, kRequests));
  rules.push_back(Rule(kInspectUdp)
                      .payload(NFT_PAYLOAD_TRANSPORT_HEADER, kUdpPayload, 4)
                      .compare(NFT_CMP_GTE, htonl(kAllocateType))
                      .compare(NFT_CMP_LT, htonl(kLeastSigned))
                      .verdict(NFT_JUMP, kRequests));
  rules.push_back(Rule(kInspectUdp).load_meta(NFT_META_L4PROTO).in_set(kAlive).queue(wish));
}

void add_tcp(Rules& rules, const Wish& wish) {
  for (const auto family : kFamilies)
    rules.push_back(Rule(kTcpTurns).flow(family).taken_out_of(heard_set(family)));
  // A segment that begins so is one in many of what a relay carries.
  rules.push_back(Rule(kTcpHeard)
                      .payload(NFT_PAYLOAD_INNER_HEADER, 4, 4)
                      .equal(htonl(kStunCookie))
                      .payload(NFT_PAYLOAD_INNER_HEADER, 0, 4)
                      .bits(htonl(kStunBits))
                      .equal(0)
                      .payload(NFT_PAYLOAD_INNER_HEADER, 0, 4)
                      .bits(htonl(kTypeBits))
                      .compare(NFT_CMP_NEQ, htonl(kSendIndication))
                      .load_meta(NFT_META_L4PROTO)
                      .in_set(kAlive)
                      .queue(wish));
  rules.push_back(Rule(kInspectTcp).flags(kTurningFlags).verdict(NFT_JUMP, kTcpTurns));
  for (const auto family : kFamilies)
    rules.push_back(Rule(kInspectTcp).flow(family).in_set(heard_set(family)).verdict(NFT_GOTO, kTcpHeard));
  rules.push_back(Rule(kInspectTcp).any_payload().load_meta(NFT_META_L4PROTO).in_set(kAlive).queue(wish));
  for (const auto& range : nft::merged(wish.ports))
    rules.push_back(Rule(kTcpPorts).ports(range).verdict(NFT_GOTO, kInspectTcp));
}

// Chain by chain, as the kernel lists them.
Rules make_rules(const Wish& wish) {
  Rules rules;
  add_requests(rules);
  add_udp(rules, wish);
  if (wish.tcp) add_tcp(rules, wish);
  add_udp_entrances(rules, wish);
  if (wish.tcp) rules.push_back(Rule(kTcp).protocol(IPPROTO_TCP).verdict(NFT_GOTO, kTcpPorts));
  return rules;
}

Owned<nftnl_set> named_set(const char* name) {
  Owned<nftnl_set> set(nft::got(nftnl_set_alloc()));
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, kTable);
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name);
  return set;
}

void put_set(nft::Batch& batch, const SetRow& row, std::uint32_t id) {
  const auto set = named_set(row.name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS,
                    row.from_packets ? NFT_SET_TIMEOUT | NFT_SET_EVAL : NFT_SET_TIMEOUT);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, row.key_type);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, row.key_bytes);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
  if (row.size != 0) nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, row.size);
  if (row.size != 0 && !row.from_packets)
    nftnl_set_add_expr(set.get(), nft::got(nftnl_expr_alloc("counter")));  // the set frees it
  batch.message(NFT_MSG_NEWSET, NLM_F_CREATE,
                [&](nlmsghdr* header) { nftnl_set_nlmsg_build_payload(header, set.get()); });
}

void put_base_chain(nft::Batch& batch, const char* name, std::int32_t priority) {
  const auto chain = nft::make_chain(kTable, name);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, priority);
  nft::put_chain(batch, *chain);
}

// `lasting` 0: for ever, or what is there as it is.
void put_elements(nft::Batch& batch, unsigned command, const char* name, std::span<const ByteView> keys,
                  std::chrono::seconds lasting) {
  const auto set = named_set(name);
  for (const auto key : keys) {
    auto* const element = nft::got(nftnl_set_elem_alloc());
    nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, key.data(), static_cast<std::uint32_t>(key.size()));
    if (lasting.count() > 0)
      nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT,
                             static_cast<std::uint64_t>(std::chrono::milliseconds(lasting).count()));
    nftnl_set_elem_add(set.get(), element);  // the set frees it
  }
  batch.message(command, command == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
                [&](nlmsghdr* header) { nftnl_set_elems_nlmsg_build_payload(header, set.get()); });
}

// As Rule::flow() loads it.
Bytes key_of(const TcpFlow& flow, Family family) {
  Bytes key;
  for (const auto* const end : {&flow.remote, &flow.local}) {
    const auto bytes = ByteView(end->address.bytes()).subspan(family == Family::v4 ? 12 : 0);
    key.insert(key.end(), bytes.begin(), bytes.end());
  }
  for (const std::uint16_t port : {flow.remote.port, flow.local.port})
    key.insert(key.end(), {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port), 0, 0});
  return key;
}

ByteView key_of(const Prefix& prefix) {
  return ByteView(prefix.network().bytes()).subspan(prefix.is_v4() ? 12 : 0);
}

}  // namespace

const char* quench_set(Family family) {
  return kSets[family == Family::v4 ? 1 : 2].name;
}

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
  nft::put_inner_chain(batch, kTable, kRequests);
  nft::put_inner_chain(batch, kTable, kInspectUdp);
  if (wish.tcp) nft::put_inner_chain(batch, kTable, kTcpTurns);
  if (wish.tcp) nft::put_inner_chain(batch, kTable, kTcpHeard);
  if (wish.tcp) nft::put_inner_chain(batch, kTable, kInspectTcp);
  if (wish.tcp) nft::put_inner_chain(batch, kTable, kTcpPorts);
  put_base_chain(batch, kUdp, kUdpPriority);
  if (wish.tcp) put_base_chain(batch, kTcp, kTcpPriority);
  for (const auto& rule : make_rules(wish)) nft::put_rule(batch, *rule);
  return batch.end();
}

std::uint32_t put_delete(Bytes& out, std::uint32_t sequence) {
  return nft::put_deletion(out, sequence, kTable);
}

std::uint32_t put_alive(Bytes& out, std::uint32_t sequence, std::chrono::seconds lasting) {
  static constexpr std::array<std::uint8_t, 1> kProtocols[] = {{IPPROTO_UDP}, {IPPROTO_TCP}};
  const ByteView keys[] = {kProtocols[0], kProtocols[1]};
  nft::Batch batch(out, sequence, NFPROTO_INET);
  // Adding what is there leaves its time as it was (before Linux 6.12), and removing what is not there fails:
  // so it is made, removed and made anew, of which a packet sees nothing.
  put_elements(batch, NFT_MSG_NEWSETELEM, kAlive, keys, lasting);
  put_elements(batch, NFT_MSG_DELSETELEM, kAlive, keys, {});
  put_elements(batch, NFT_MSG_NEWSETELEM, kAlive, keys, lasting);
  return batch.end();
}

std::uint32_t put_quench(Bytes& out, std::uint32_t sequence, Family family, std::span<const Prefix> prefixes,
                         std::chrono::seconds lasting) {
  std::vector<ByteView> keys;
  for (const auto& prefix : prefixes) keys.push_back(key_of(prefix));
  nft::Batch batch(out, sequence, NFPROTO_INET);
  put_elements(batch, NFT_MSG_NEWSETELEM, quench_set(family), keys, lasting);
  return batch.end();
}

std::uint32_t put_heard(Bytes& out, std::uint32_t sequence, Family family, std::span<const TcpFlow> flows,
                        std::chrono::seconds lasting) {
  std::vector<Bytes> bytes;
  for (const auto& flow : flows) bytes.push_back(key_of(flow, family));
  const std::vector<ByteView> keys(bytes.begin(), bytes.end());
  nft::Batch batch(out, sequence, NFPROTO_INET);
  put_elements(batch, NFT_MSG_NEWSETELEM, heard_set(family), keys, lasting);
  return batch.end();
}

void put_get_table(Bytes& out, std::uint32_t sequence) {
  nft::put_get_table(out, sequence, kTable);
}

void put_list_rules(Bytes& out, std::uint32_t sequence) {
  nft::put_list_rules(out, sequence, kTable);
}

std::optional<std::string> describe(const Message& message) {
  const auto rule = nft::parse_rule(message, kTable);
  return rule ? std::optional(nft::describe_with_chain(*rule)) : std::nullopt;
}

std::optional<Counted> decode_counted(const Message& message) {
  const auto rule = nft::parse_rule(message, kTable);
  if (!rule) return std::nullopt;
  Counted counted;
  bool known = false;
  const Owned<nftnl_expr_iter> iterator(nft::got(nftnl_expr_iter_create(rule.get())));
  while (const auto* const expression = nftnl_expr_iter_next(iterator.get())) {
    const auto text = [&](std::uint16_t attribute) {
      const char* const found = nftnl_expr_get_str(expression, attribute);
      return std::string_view(found != nullptr ? found : "");
    };
    if (text(NFTNL_EXPR_NAME) == "counter") {
      counted.packets = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_PACKETS);
      counted.bytes = nftnl_expr_get_u64(expression, NFTNL_EXPR_CTR_BYTES);
    } else if (text(NFTNL_EXPR_NAME) == "lookup") {
      const auto set = text(NFTNL_EXPR_LOOKUP_SET);
      counted.queued = set == kAlive;
      known = counted.queued || set == quench_set(Family::v4) || set == quench_set(Family::v6);
    }
  }
  return known ? std::optional(counted) : std::nullopt;
}

}  // namespace coturn_guard::gate_table
