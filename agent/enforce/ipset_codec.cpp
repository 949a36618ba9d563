// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/ipset_codec.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>

namespace coturn_guard::ipset {
namespace {

static_assert(kFindType == IPSET_ERR_FIND_TYPE && kExists == IPSET_ERR_EXIST &&
              kNoTimeouts == IPSET_ERR_TIMEOUT && kFull == IPSET_ERR_TYPE_SPECIFIC);

// What we speak. 7 would only add what we do not use; 6 is understood since Linux 3.0 (IPSET_PROTOCOL_MIN).
constexpr std::uint8_t kProtocol = IPSET_PROTOCOL_MIN;

struct PrivateError {
  int code;
  const char* text;
};

// ip_set.h: enum ipset_errno; from 4352 on the kernel's ip_set_hash.h, which is not exported to programs.
constexpr PrivateError kPrivateErrors[] = {
    {IPSET_ERR_PROTOCOL, "the kernel did not understand the request"},
    {IPSET_ERR_FIND_TYPE, "the kernel does not know this type of set"},
    {IPSET_ERR_MAX_SETS, "the kernel has no room for another set"},
    {IPSET_ERR_BUSY, "a set is in use by the kernel"},
    {IPSET_ERR_EXIST_SETNAME2, "a set of the second name exists already"},
    {IPSET_ERR_TYPE_MISMATCH, "the two sets are of different types"},
    {IPSET_ERR_EXIST, "not in the set"},
    {IPSET_ERR_INVALID_CIDR, "the length of the network is out of range"},
    {IPSET_ERR_INVALID_FAMILY, "the set is of another address family"},
    {IPSET_ERR_TIMEOUT, "the set was made without timeouts"},
    {IPSET_ERR_REFERENCED, "the set is used by a rule"},
    {IPSET_ERR_IPADDR_IPV4, "an IPv4 address is missing"},
    {IPSET_ERR_IPADDR_IPV6, "an IPv6 address is missing"},
    {IPSET_ERR_COUNTER, "the set was made without counters"},
    {IPSET_ERR_TYPE_SPECIFIC, "the set is full"},
    {IPSET_ERR_TYPE_SPECIFIC + 1, "the element is invalid (null-valued)"},
};

class Category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "ipset"; }
  [[nodiscard]] std::string message(int code) const override {
    for (const auto& known : kPrivateErrors)
      if (known.code == code) return known.text;
    return "ipset error " + std::to_string(code);
  }
};

constexpr std::uint16_t type_of(ipset_cmd command) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_IPSET << 8 | command);
}

// The commands begin alike: protocol, then names.
void begin(MessageWriter& message, std::string_view set = {}) {
  message.put_u8(IPSET_ATTR_PROTOCOL, kProtocol);
  if (!set.empty()) message.put_text(IPSET_ATTR_SETNAME, set);
}

void put_named(Bytes& out, std::uint32_t sequence, ipset_cmd command, std::string_view set,
               std::string_view other = {}) {
  MessageWriter message(out, type_of(command), NLM_F_ACK, sequence, NFPROTO_IPV4);
  begin(message, set);
  if (!other.empty()) message.put_text(IPSET_ATTR_SETNAME2, other);
}

void put_prefix(MessageWriter& message, const Prefix& prefix) {
  const auto& bytes = prefix.network().bytes();
  const auto nest = message.open(IPSET_ATTR_IP);
  if (prefix.is_v4())
    message.put(IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, ByteView(bytes).subspan(12));
  else
    message.put(IPSET_ATTR_IPADDR_IPV6 | NLA_F_NET_BYTEORDER, bytes);
  message.close(nest);
  if (prefix.length() != (prefix.is_v4() ? 32U : 128U))
    message.put_u8(IPSET_ATTR_CIDR, static_cast<std::uint8_t>(prefix.length()));
}

// Without NLM_F_EXCL the kernel takes IPSET_FLAG_EXIST as given (ip_set_core.c: flag_exist()).
void put_elements(Bytes& out, std::uint32_t sequence, ipset_cmd command, std::string_view set,
                  std::span<const Element> elements) {
  if (elements.empty()) return;
  MessageWriter message(out, type_of(command), NLM_F_ACK, sequence,
                        netfilter_family(family_of(elements[0].prefix)));
  begin(message, set);
  // Its presence makes the kernel answer a failed element with that element's number in this very attribute.
  message.put_host_u32(IPSET_ATTR_LINENO, 0);
  const auto all = message.open(IPSET_ATTR_ADT);
  std::uint32_t number = 0;
  for (const auto& element : elements) {
    const auto one = message.open(IPSET_ATTR_DATA);
    put_prefix(message, element.prefix);
    if (command == IPSET_CMD_ADD) {
      message.put_network_u32(IPSET_ATTR_TIMEOUT, element.timeout_seconds);
      if (element.packets != 0) message.put_network_u64(IPSET_ATTR_PACKETS, element.packets);
      if (element.bytes != 0) message.put_network_u64(IPSET_ATTR_BYTES, element.bytes);
      if (element.exempt) message.put_network_u32(IPSET_ATTR_CADT_FLAGS, IPSET_FLAG_NOMATCH);
    }
    message.put_host_u32(IPSET_ATTR_LINENO, ++number);  // 0 means "not told" to the kernel
    message.close(one);
  }
  message.close(all);
}

bool is(const Message& message, ipset_cmd command) {
  return message.type == type_of(command);
}

std::optional<Element> decode_element(ByteView attributes) {
  Element element;
  std::optional<Address> address;
  std::optional<std::uint8_t> length;
  while (const auto attribute = next_attribute(attributes)) {
    switch (attribute->type) {
      case IPSET_ATTR_IP:
        if (const auto v4 = find_attribute(attribute->value, IPSET_ATTR_IPADDR_IPV4); v4 && v4->network_u32())
          address = Address::v4(*v4->network_u32());
        else if (const auto v6 = find_attribute(attribute->value, IPSET_ATTR_IPADDR_IPV6);
                 v6 && v6->value.size() == 16) {
          Address::Bytes bytes;
          std::memcpy(bytes.data(), v6->value.data(), bytes.size());
          address = Address(bytes);
        }
        break;
      case IPSET_ATTR_CIDR: length = attribute->u8(); break;
      case IPSET_ATTR_TIMEOUT: element.timeout_seconds = attribute->network_u32().value_or(0); break;
      case IPSET_ATTR_PACKETS: element.packets = attribute->network_u64().value_or(0); break;
      case IPSET_ATTR_BYTES: element.bytes = attribute->network_u64().value_or(0); break;
      case IPSET_ATTR_CADT_FLAGS:
        element.exempt = (attribute->network_u32().value_or(0) & IPSET_FLAG_NOMATCH) != 0;
        break;
      default: break;
    }
  }
  if (!address) return std::nullopt;
  element.prefix = Prefix(*address, length.value_or(128));
  return element;
}

}  // namespace

const std::error_category& error_category() {
  static const Category category;
  return category;
}

std::error_code make_error(int kernel_error) {
  return {kernel_error, kernel_error >= IPSET_ERR_PRIVATE ? error_category() : std::generic_category()};
}

void put_protocol(Bytes& out, std::uint32_t sequence) {
  put_named(out, sequence, IPSET_CMD_PROTOCOL, {});
}

void put_type(Bytes& out, std::uint32_t sequence, Family family) {
  MessageWriter message(out, type_of(IPSET_CMD_TYPE), NLM_F_ACK, sequence, netfilter_family(family));
  begin(message);
  message.put_text(IPSET_ATTR_TYPENAME, kSetType);
  message.put_u8(IPSET_ATTR_FAMILY, netfilter_family(family));
}

void put_create(Bytes& out, std::uint32_t sequence, const CreateRequest& request) {
  MessageWriter message(out, type_of(IPSET_CMD_CREATE), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sequence,
                        netfilter_family(request.family));
  begin(message, request.name);
  message.put_text(IPSET_ATTR_TYPENAME, kSetType);
  message.put_u8(IPSET_ATTR_REVISION, request.revision);
  message.put_u8(IPSET_ATTR_FAMILY, netfilter_family(request.family));
  const auto nest = message.open(IPSET_ATTR_DATA);
  message.put_network_u32(IPSET_ATTR_TIMEOUT, 0);  // elements without one of their own stay: the canary
  message.put_network_u32(IPSET_ATTR_CADT_FLAGS, IPSET_FLAG_WITH_COUNTERS);
  message.put_network_u32(IPSET_ATTR_HASHSIZE, request.hash_size);
  message.put_network_u32(IPSET_ATTR_MAXELEM, request.max_elements);
  message.close(nest);
}

void put_destroy(Bytes& out, std::uint32_t sequence, std::string_view set) {
  put_named(out, sequence, IPSET_CMD_DESTROY, set);
}

void put_swap(Bytes& out, std::uint32_t sequence, std::string_view set, std::string_view other) {
  put_named(out, sequence, IPSET_CMD_SWAP, set, other);
}

void put_rename(Bytes& out, std::uint32_t sequence, std::string_view set, std::string_view name) {
  put_named(out, sequence, IPSET_CMD_RENAME, set, name);
}

void put_index(Bytes& out, std::uint32_t sequence, std::string_view set) {
  MessageWriter message(out, type_of(IPSET_CMD_GET_BYNAME), NLM_F_ACK, sequence, NFPROTO_IPV4);
  message.put_u8(IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);  // this command came with protocol 7
  message.put_text(IPSET_ATTR_SETNAME, set);
}

void put_list(Bytes& out, std::uint32_t sequence, std::string_view set, bool header_only) {
  MessageWriter message(out, type_of(IPSET_CMD_LIST), NLM_F_ACK | NLM_F_DUMP, sequence, NFPROTO_IPV4);
  begin(message, set);
  if (header_only) message.put_network_u32(IPSET_ATTR_FLAGS, IPSET_FLAG_LIST_HEADER);
}

void put_add(Bytes& out, std::uint32_t sequence, std::string_view set, std::span<const Element> elements) {
  put_elements(out, sequence, IPSET_CMD_ADD, set, elements);
}

void put_remove(Bytes& out, std::uint32_t sequence, std::string_view set, std::span<const Element> elements) {
  put_elements(out, sequence, IPSET_CMD_DEL, set, elements);
}

void put_test(Bytes& out, std::uint32_t sequence, std::string_view set, const Prefix& prefix) {
  MessageWriter message(out, type_of(IPSET_CMD_TEST), NLM_F_ACK, sequence,
                        netfilter_family(family_of(prefix)));
  begin(message, set);
  const auto nest = message.open(IPSET_ATTR_DATA);
  put_prefix(message, prefix);
  message.close(nest);
}

std::optional<std::uint8_t> decode_protocol(const Message& message) {
  if (!is(message, IPSET_CMD_PROTOCOL)) return std::nullopt;
  const auto protocol = find_attribute(message.attributes(), IPSET_ATTR_PROTOCOL);
  return protocol ? protocol->u8() : std::nullopt;
}

std::optional<RevisionRange> decode_type(const Message& message) {
  if (!is(message, IPSET_CMD_TYPE)) return std::nullopt;
  const auto highest = find_attribute(message.attributes(), IPSET_ATTR_REVISION);
  const auto lowest = find_attribute(message.attributes(), IPSET_ATTR_REVISION_MIN);
  if (!highest || !lowest || !highest->u8() || !lowest->u8()) return std::nullopt;
  return RevisionRange{*lowest->u8(), *highest->u8()};
}

std::optional<std::uint16_t> decode_index(const Message& message) {
  if (!is(message, IPSET_CMD_GET_BYNAME)) return std::nullopt;
  const auto index = find_attribute(message.attributes(), IPSET_ATTR_INDEX);
  return index ? index->network_u16() : std::nullopt;
}

std::optional<SetHeader> decode_header(const Message& message) {
  const auto attributes = message.attributes();
  const auto type = find_attribute(attributes, IPSET_ATTR_TYPENAME);
  const auto values = find_attribute(attributes, IPSET_ATTR_DATA);
  if (!is(message, IPSET_CMD_LIST) || !type || !values) return std::nullopt;
  SetHeader header;
  header.type = type->text();
  if (const auto name = find_attribute(attributes, IPSET_ATTR_SETNAME)) header.name = name->text();
  if (const auto revision = find_attribute(attributes, IPSET_ATTR_REVISION))
    header.revision = revision->u8().value_or(0);
  if (const auto family = find_attribute(attributes, IPSET_ATTR_FAMILY))
    header.family = family->u8().value_or(0);
  ByteView rest = values->value;
  while (const auto attribute = next_attribute(rest)) {
    const auto number = attribute->network_u32();
    switch (attribute->type) {
      case IPSET_ATTR_TIMEOUT: header.timeout_seconds = number; break;
      case IPSET_ATTR_CADT_FLAGS:
        header.counters = (number.value_or(0) & IPSET_FLAG_WITH_COUNTERS) != 0;
        break;
      case IPSET_ATTR_HASHSIZE: header.hash_size = number.value_or(0); break;
      case IPSET_ATTR_MAXELEM: header.max_elements = number.value_or(0); break;
      case IPSET_ATTR_ELEMENTS: header.elements = number.value_or(0); break;
      case IPSET_ATTR_REFERENCES: header.references = number.value_or(0); break;
      case IPSET_ATTR_MEMSIZE: header.memory_bytes = number.value_or(0); break;
      default: break;
    }
  }
  return header;
}

void decode_elements(const Message& message, std::vector<Element>& elements) {
  if (!is(message, IPSET_CMD_LIST)) return;
  const auto all = find_attribute(message.attributes(), IPSET_ATTR_ADT);
  if (!all) return;
  ByteView rest = all->value;
  while (const auto one = next_attribute(rest))
    if (const auto element = decode_element(one->value)) elements.push_back(*element);
}

std::optional<std::size_t> failed_element(const Acknowledgement& acknowledgement) {
  if (acknowledgement.error == 0) return std::nullopt;
  const auto line = find_attribute(acknowledgement.request_rest, IPSET_ATTR_LINENO);
  const auto number = line ? line->host_u32() : std::nullopt;
  if (!number || *number == 0) return std::nullopt;
  return *number - 1;
}

}  // namespace coturn_guard::ipset
