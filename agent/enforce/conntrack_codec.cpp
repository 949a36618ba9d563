// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/conntrack_codec.hpp"

#include <netinet/in.h>
// Behind the one above.
#include <linux/netfilter/nfnetlink_conntrack.h>

namespace coturn_guard::conntrack {
namespace {

constexpr std::uint16_t type_of(unsigned command) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | command);
}

std::optional<Address> address_in(ByteView ip) {
  if (const auto v4 = find_attribute(ip, CTA_IP_V4_SRC); v4 && v4->network_u32())
    return Address::v4(*v4->network_u32());
  const auto v6 = find_attribute(ip, CTA_IP_V6_SRC);
  Address::Bytes bytes;
  if (!v6 || v6->value.size() != bytes.size()) return std::nullopt;
  std::memcpy(bytes.data(), v6->value.data(), bytes.size());
  return Address(bytes);
}

}  // namespace

void put_count(Bytes& out, std::uint32_t sequence) {
  MessageWriter message(out, type_of(IPCTNL_MSG_CT_GET_STATS), NLM_F_ACK, sequence, AF_UNSPEC);
}

void put_list(Bytes& out, std::uint32_t sequence) {
  MessageWriter message(out, type_of(IPCTNL_MSG_CT_GET), NLM_F_DUMP, sequence, AF_UNSPEC);
}

void put_delete(Bytes& out, std::uint32_t sequence, const Flow& flow) {
  MessageWriter message(out, type_of(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, sequence, flow.family);
  message.put(CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple);
  if (flow.id) message.put_host_u32(CTA_ID, *flow.id);
  if (flow.zone)
    message.put(CTA_ZONE, {reinterpret_cast<const std::uint8_t*>(&*flow.zone), sizeof *flow.zone});
}

std::optional<std::uint32_t> decode_count(const Message& message) {
  if (message.type != type_of(IPCTNL_MSG_CT_GET_STATS)) return std::nullopt;
  const auto entries = find_attribute(message.attributes(), CTA_STATS_GLOBAL_ENTRIES);
  return entries ? entries->network_u32() : std::nullopt;
}

std::optional<Flow> decode_flow(const Message& message) {
  if (message.type != type_of(IPCTNL_MSG_CT_NEW) || message.payload.size() < sizeof(nfgenmsg))
    return std::nullopt;
  const auto attributes = message.attributes();
  const auto tuple = find_attribute(attributes, CTA_TUPLE_ORIG);
  if (!tuple) return std::nullopt;
  const auto ip = find_attribute(tuple->value, CTA_TUPLE_IP);
  const auto transport = find_attribute(tuple->value, CTA_TUPLE_PROTO);
  if (!ip || !transport) return std::nullopt;
  const auto source = address_in(ip->value);
  const auto protocol = find_attribute(transport->value, CTA_PROTO_NUM);
  const auto port = find_attribute(transport->value, CTA_PROTO_DST_PORT);
  if (!source || !protocol || !protocol->u8()) return std::nullopt;
  if (*protocol->u8() != IPPROTO_TCP && *protocol->u8() != IPPROTO_UDP) return std::nullopt;
  if (!port || !port->network_u16()) return std::nullopt;
  const auto id = find_attribute(attributes, CTA_ID);
  const auto zone = find_attribute(attributes, CTA_ZONE);
  return Flow{.family = message.payload[0],
              .protocol = *protocol->u8(),
              .source = *source,
              .port = *port->network_u16(),
              .tuple = tuple->value,
              .id = id ? id->host_u32() : std::nullopt,
              .zone = zone ? zone->host_u16() : std::nullopt};
}

}  // namespace coturn_guard::conntrack
