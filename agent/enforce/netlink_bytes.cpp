// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/netlink_bytes.hpp"

#include <algorithm>
#include <array>

namespace coturn_guard {
namespace {

constexpr std::size_t kHeaderBytes = sizeof(nlmsghdr);  // NLMSG_HDRLEN and NLA_HDRLEN are ints
constexpr std::size_t kAttributeBytes = sizeof(nlattr);

template <class T>
std::optional<T> number(ByteView value) {
  if (value.size() != sizeof(T)) return std::nullopt;
  T result;
  std::memcpy(&result, value.data(), sizeof result);
  return result;
}

template <class T>
ByteView bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace

MessageWriter::MessageWriter(Bytes& out, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                             std::uint8_t family)
    : out_(out), begin_(out.size()) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  header.nlmsg_seq = sequence;
  nfgenmsg general{};
  general.nfgen_family = family;
  general.version = NFNETLINK_V0;
  out_.resize(begin_ + kHeaderBytes + sizeof general);
  std::memcpy(out_.data() + begin_, &header, sizeof header);
  std::memcpy(out_.data() + begin_ + kHeaderBytes, &general, sizeof general);
}

void MessageWriter::put(std::uint16_t type, ByteView value) {
  const std::size_t at = out_.size();
  const nlattr header{static_cast<std::uint16_t>(kAttributeBytes + value.size()), type};
  out_.resize(at + kAttributeBytes + netlink_align(value.size()));
  std::memcpy(out_.data() + at, &header, sizeof header);
  if (!value.empty()) std::memcpy(out_.data() + at + kAttributeBytes, value.data(), value.size());
}

void MessageWriter::put_host_u32(std::uint16_t type, std::uint32_t value) {
  put(type, bytes_of(value));
}

void MessageWriter::put_network_u32(std::uint16_t type, std::uint32_t value) {
  const std::uint32_t swapped = big_endian(value);
  put(type | NLA_F_NET_BYTEORDER, bytes_of(swapped));
}

void MessageWriter::put_network_u64(std::uint16_t type, std::uint64_t value) {
  const std::array<std::uint32_t, 2> halves{big_endian(static_cast<std::uint32_t>(value >> 32)),
                                            big_endian(static_cast<std::uint32_t>(value))};
  put(type | NLA_F_NET_BYTEORDER, bytes_of(halves));
}

void MessageWriter::put_text(std::uint16_t type, std::string_view value) {
  Bytes terminated(value.begin(), value.end());
  terminated.push_back(0);
  put(type, terminated);
}

std::size_t MessageWriter::open(std::uint16_t type) {
  const std::size_t at = out_.size();
  put(type | NLA_F_NESTED, {});
  return at;
}

void MessageWriter::close(std::size_t nest) {
  const auto length = static_cast<std::uint16_t>(out_.size() - nest);
  std::memcpy(out_.data() + nest, &length, sizeof length);  // nlattr begins with its length
}

void MessageWriter::finish() {
  const auto length = static_cast<std::uint32_t>(out_.size() - begin_);
  std::memcpy(out_.data() + begin_, &length, sizeof length);  // and so does nlmsghdr
}

std::optional<Message> next_message(ByteView& rest) {
  nlmsghdr header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) return std::nullopt;
  const Message message{header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, rest.first(header.nlmsg_len),
                        rest.subspan(sizeof header, header.nlmsg_len - sizeof header)};
  rest = rest.subspan(std::min(netlink_align(header.nlmsg_len), rest.size()));
  return message;
}

std::optional<Attribute> next_attribute(ByteView& rest) {
  nlattr header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  if (header.nla_len < sizeof header || header.nla_len > rest.size()) return std::nullopt;
  const Attribute attribute{static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                            rest.subspan(sizeof header, header.nla_len - sizeof header)};
  rest = rest.subspan(std::min(netlink_align(header.nla_len), rest.size()));
  return attribute;
}

std::optional<Attribute> find_attribute(ByteView attributes, std::uint16_t type) {
  while (const auto attribute = next_attribute(attributes))
    if (attribute->type == type) return attribute;
  return std::nullopt;
}

std::optional<std::uint8_t> Attribute::u8() const {
  return number<std::uint8_t>(value);
}
std::optional<std::uint16_t> Attribute::host_u16() const {
  return number<std::uint16_t>(value);
}
std::optional<std::uint32_t> Attribute::host_u32() const {
  return number<std::uint32_t>(value);
}

std::optional<std::uint16_t> Attribute::network_u16() const {
  if (value.size() != 2) return std::nullopt;
  return static_cast<std::uint16_t>(value[0] << 8 | value[1]);
}

std::optional<std::uint32_t> Attribute::network_u32() const {
  const auto raw = number<std::uint32_t>(value);
  if (!raw) return std::nullopt;
  return big_endian(*raw);
}

std::optional<std::uint64_t> Attribute::network_u64() const {
  if (value.size() != 8) return std::nullopt;
  std::uint64_t result = 0;
  for (const auto byte : value) result = result << 8 | byte;
  return result;
}

std::string_view Attribute::text() const {
  const std::string_view all(reinterpret_cast<const char*>(value.data()), value.size());
  return all.substr(0, all.find('\0'));
}

std::optional<Acknowledgement> decode_acknowledgement(const Message& message) {
  if (message.type != NLMSG_ERROR && message.type != NLMSG_DONE) return std::nullopt;
  std::int32_t error = 0;
  if (message.payload.size() < sizeof error) {
    if (message.type == NLMSG_DONE) return Acknowledgement{};
    return std::nullopt;
  }
  std::memcpy(&error, message.payload.data(), sizeof error);
  constexpr std::size_t kEcho = sizeof error + sizeof(nlmsghdr) + sizeof(nfgenmsg);
  // A positive number is none of the kernel's; INT_MIN has no positive twin.
  if (error > 0 || error == INT32_MIN) return std::nullopt;
  return Acknowledgement{-error,
                         message.payload.size() > kEcho ? message.payload.subspan(kEcho) : ByteView{}};
}

}  // namespace coturn_guard
