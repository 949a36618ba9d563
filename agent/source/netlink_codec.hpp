// SPDX-License-Identifier: GPL-3.0-or-later
// Netlink messages as they come (netlink(7)): headers and attributes taken off a text of bytes one after the
// other. Looks past no end, whatever lengths the bytes claim, and wants no alignment. What the messages mean
// is for the codecs that include this. Layout: linux/netlink.h.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

namespace coturn_guard::netlink {

struct Message {
  nlmsghdr header;
  std::string_view payload;
};

inline void skip_aligned(std::string_view& bytes, std::size_t length) {
  bytes.remove_prefix(std::min<std::size_t>(bytes.size(), NLMSG_ALIGN(length)));
}

// Takes the first message off; nothing where none is left or it claims to be longer than what is there.
inline std::optional<Message> next_message(std::string_view& received) {
  Message message{};
  if (received.size() < sizeof message.header) return std::nullopt;
  std::memcpy(&message.header, received.data(), sizeof message.header);
  const std::size_t length = message.header.nlmsg_len;
  if (length < sizeof message.header || length > received.size()) return std::nullopt;
  message.payload = received.substr(sizeof message.header, length - sizeof message.header);
  skip_aligned(received, length);
  return message;
}

// The message's fixed part; nothing where it is cut short. Attributes stand behind it.
template <class Header>
std::optional<Header> take_header(std::string_view& payload) {
  if (payload.size() < sizeof(Header)) return std::nullopt;
  Header header;
  std::memcpy(&header, payload.data(), sizeof header);
  skip_aligned(payload, sizeof header);
  return header;
}

// Netlink's type-length-value list.
template <class Visit>
void for_each_attribute(std::string_view bytes, Visit&& visit) {
  while (bytes.size() >= sizeof(nlattr)) {
    nlattr attribute;
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > bytes.size()) return;
    visit(attribute.nla_type & NLA_TYPE_MASK,
          bytes.substr(sizeof attribute, attribute.nla_len - sizeof attribute));
    skip_aligned(bytes, attribute.nla_len);
  }
}

}  // namespace coturn_guard::netlink
