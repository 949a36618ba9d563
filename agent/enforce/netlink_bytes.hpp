// SPDX-License-Identifier: GPL-3.0-or-later
// Netlink messages as bytes: a writer that appends to a buffer, and a reader that never looks past the end of
// what it was given (answers are parsed by memcpy, so their alignment does not matter). No socket, no
// meaning: the codecs (ipset_codec, drop_rule) know what the attributes stand for. Layout: linux/netlink.h,
// linux/netfilter/nfnetlink.h.
#pragma once

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace coturn_guard {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

constexpr std::size_t netlink_align(std::size_t length) {
  return (length + 3) & ~std::size_t{3};
}

// Network byte order; host order on a big-endian machine is the same.
constexpr std::uint32_t big_endian(std::uint32_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

// Appends one nfnetlink message after what the buffer holds already; finish() or the destructor closes it.
class MessageWriter {
 public:
  // `type`: subsystem << 8 | command. `sequence` comes back in the answer.
  MessageWriter(Bytes& out, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                std::uint8_t family);
  ~MessageWriter() { finish(); }
  MessageWriter(const MessageWriter&) = delete;
  MessageWriter& operator=(const MessageWriter&) = delete;

  void put(std::uint16_t type, ByteView value);
  void put_u8(std::uint16_t type, std::uint8_t value) { put(type, {&value, 1}); }
  void put_host_u32(std::uint16_t type, std::uint32_t value);
  void put_network_u32(std::uint16_t type, std::uint32_t value);  // marked NLA_F_NET_BYTEORDER
  void put_network_u64(std::uint16_t type, std::uint64_t value);
  void put_text(std::uint16_t type, std::string_view value);  // with its NUL
  [[nodiscard]] std::size_t open(std::uint16_t type);         // a nest; give the result to close()
  void close(std::size_t nest);
  void finish();

 private:
  Bytes& out_;
  std::size_t begin_;
};

// One message of an answer; the views borrow from the received bytes.
struct Message {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  ByteView whole;    // header included
  ByteView payload;  // without the nlmsghdr

  // The attributes behind nfgenmsg.
  [[nodiscard]] ByteView attributes() const {
    return payload.size() > sizeof(nfgenmsg) ? payload.subspan(sizeof(nfgenmsg)) : ByteView{};
  }
};

// Takes the first message off `rest`; absent where none is left or it claims to be longer than what is there.
[[nodiscard]] std::optional<Message> next_message(ByteView& rest);

struct Attribute {
  std::uint16_t type = 0;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
  ByteView value;

  [[nodiscard]] std::optional<std::uint8_t> u8() const;
  [[nodiscard]] std::optional<std::uint16_t> host_u16() const;
  [[nodiscard]] std::optional<std::uint32_t> host_u32() const;
  [[nodiscard]] std::optional<std::uint16_t> network_u16() const;
  [[nodiscard]] std::optional<std::uint32_t> network_u32() const;
  [[nodiscard]] std::optional<std::uint64_t> network_u64() const;
  [[nodiscard]] std::string_view text() const;  // up to its NUL
};

[[nodiscard]] std::optional<Attribute> next_attribute(ByteView& rest);
[[nodiscard]] std::optional<Attribute> find_attribute(ByteView attributes, std::uint16_t type);

// What NLMSG_ERROR says; an acknowledgement is an error of 0 (linux/netlink.h: struct nlmsgerr).
struct Acknowledgement {
  int error = 0;          // positive errno, or the subsystem's own code
  ByteView request_rest;  // attributes of the request that the kernel sent back, where it did
};
[[nodiscard]] std::optional<Acknowledgement> decode_acknowledgement(const Message& message);

}  // namespace coturn_guard
