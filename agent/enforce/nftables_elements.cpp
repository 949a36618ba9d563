// SPDX-License-Identifier: GPL-3.0-or-later
#include "enforce/nftables_elements.hpp"

#include <algorithm>
#include <limits>

#include "enforce/nft_message.hpp"
#include "enforce/nftables_codec.hpp"

namespace coturn_guard::nftables {
namespace {

constexpr std::size_t kMostElements = 512;  // in one message: their list is an attribute, at most 64 KiB

ByteView key_of(const Address& address, Family family) {
  return ByteView(address.bytes()).subspan(family == Family::v4 ? kV4Offset : 0);
}

void put_key(MessageWriter& message, const Address& address, Family family) {
  const auto key = message.open(NFTA_SET_ELEM_KEY);
  message.put(NFTA_DATA_VALUE, key_of(address, family));
  message.close(key);
}

void put_counter(MessageWriter& message, const Element& element) {
  const auto expression = message.open(NFTA_SET_ELEM_EXPR);
  message.put_text(NFTA_EXPR_NAME, "counter");
  const auto values = message.open(NFTA_EXPR_DATA);
  message.put_network_u64(NFTA_COUNTER_BYTES, element.bytes);
  message.put_network_u64(NFTA_COUNTER_PACKETS, element.packets);
  message.close(values);
  message.close(expression);
}

// The kernel wants a beginning and its end next to each other.
void put_interval(MessageWriter& message, const Interval& interval, Family family, bool timed) {
  const auto begin = message.open(NFTA_LIST_ELEM);
  put_key(message, interval.first, family);
  if (timed && interval.rest.timeout_seconds != 0)
    message.put_network_u64(NFTA_SET_ELEM_TIMEOUT, std::uint64_t{1000} * interval.rest.timeout_seconds);
  if (timed && (interval.rest.packets != 0 || interval.rest.bytes != 0)) put_counter(message, interval.rest);
  message.close(begin);
  const auto behind = neighbour(interval.last, family, true);
  if (!behind) return;  // up to the last address there is
  const auto end = message.open(NFTA_LIST_ELEM);
  put_key(message, *behind, family);
  message.put_host_u32(NFTA_SET_ELEM_FLAGS, big_endian(NFT_SET_ELEM_INTERVAL_END));
  message.close(end);
}

void begin_list(MessageWriter& message, Family family) {
  message.put_text(NFTA_SET_ELEM_LIST_TABLE, kTable);
  message.put_text(NFTA_SET_ELEM_LIST_SET, banned_set(family));
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

void put_elements(Bytes& out, const ElementRequest& request, Family family, bool timed,
                  std::optional<std::uint32_t> set_number, std::span<const Interval>& rest) {
  const auto chunk = rest.first(std::min(rest.size(), kMostElements));
  MessageWriter message(out, nft::type_of(request.command), request.flags, request.sequence, NFPROTO_INET);
  begin_list(message, family);
  if (set_number) message.put_host_u32(NFTA_SET_ELEM_LIST_SET_ID, big_endian(*set_number));
  const auto list = message.open(NFTA_SET_ELEM_LIST_ELEMENTS);
  for (const auto& interval : chunk) put_interval(message, interval, family, timed);
  message.close(list);
  rest = rest.subspan(chunk.size());
}

ElementBatch::ElementBatch(Bytes& out, std::uint32_t sequence)
    : out_(out), first_(sequence), sequence_(sequence) {
  nft::append(out_, [&](char* buffer) { return nftnl_batch_begin(buffer, sequence); });
}

void ElementBatch::message(unsigned command, std::uint16_t flags, Family family,
                           std::span<const Interval> intervals) {
  while (!intervals.empty()) {
    last_message_ = out_.size();
    put_elements(out_, {command, flags, ++sequence_}, family, (flags & NLM_F_EXCL) != 0, std::nullopt,
                 intervals);
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

void put_list_elements(Bytes& out, std::uint32_t sequence, Family family) {
  MessageWriter message(out, nft::type_of(NFT_MSG_GETSETELEM), NLM_F_ACK | NLM_F_DUMP, sequence,
                        NFPROTO_INET);
  begin_list(message, family);
}

void put_find_element(Bytes& out, std::uint32_t sequence, const Prefix& prefix) {
  const auto family = family_of(prefix);
  MessageWriter message(out, nft::type_of(NFT_MSG_GETSETELEM), NLM_F_ACK, sequence, NFPROTO_INET);
  begin_list(message, family);
  const auto list = message.open(NFTA_SET_ELEM_LIST_ELEMENTS);
  const auto one = message.open(NFTA_LIST_ELEM);
  put_key(message, prefix.network(), family);
  message.close(one);
  message.close(list);
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
