// SPDX-License-Identifier: GPL-3.0-or-later
// ipset's netlink protocol, both ways: requests appended to a buffer, answers to values. No socket, so that
// the tests feed it bytes recorded from a kernel. Facts: linux/netfilter/ipset/ip_set.h, and the kernel's
// ip_set_core.c for what that header leaves out (which attribute carries which byte order, what an error
// message looks like).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/netlink_bytes.hpp"

namespace coturn_guard::ipset {

inline constexpr std::string_view kSetType = "hash:net";
inline constexpr std::uint8_t kLowestRevision = 3;   // of hash:net: the first one with counters
inline constexpr std::uint8_t kHighestRevision = 7;  // the newest that ipset 7.17 (Debian 12) can still list

using coturn_guard::Element;
using coturn_guard::Family;
using coturn_guard::family_of;
using coturn_guard::netfilter_family;

// The kernel's private codes (ip_set.h: enum ipset_errno) as an error_code, with words for people.
[[nodiscard]] const std::error_category& error_category();
// 0 and errno values become generic codes, 4096 and above private ones.
[[nodiscard]] std::error_code make_error(int kernel_error);
// The private codes that somebody decides by; hash types number theirs from IPSET_ERR_TYPE_SPECIFIC on.
inline constexpr int kFindType = 4098, kExists = 4103, kNoTimeouts = 4107, kFull = 4352;

struct CreateRequest {
  std::string_view name;
  Family family = Family::v4;
  std::uint8_t revision = kHighestRevision;
  std::uint32_t hash_size = 1024;  // buckets to begin with; the kernel doubles them as it fills
  std::uint32_t max_elements = 65536;
};

// What `ipset list -t` shows. Absent timeout: the set was made without; its elements cannot have one.
struct SetHeader {
  std::string name;
  std::string type;
  std::uint8_t revision = 0;
  std::uint8_t family = 0;  // NFPROTO_…
  std::optional<std::uint32_t> timeout_seconds;
  bool counters = false;
  std::uint32_t hash_size = 0;
  std::uint32_t max_elements = 0;
  std::uint32_t elements = 0;
  std::uint32_t references = 0;  // rules (and list:sets) that use it
  std::uint32_t memory_bytes = 0;

  friend bool operator==(const SetHeader&, const SetHeader&) = default;
};

struct RevisionRange {
  std::uint8_t lowest = 0, highest = 0;
  friend bool operator==(const RevisionRange&, const RevisionRange&) = default;
};

// --- requests. Each asks for an acknowledgement that bears `sequence`. ---
void put_protocol(Bytes& out, std::uint32_t sequence);
void put_type(Bytes& out, std::uint32_t sequence, Family family);  // which revisions of hash:net
void put_create(Bytes& out, std::uint32_t sequence, const CreateRequest& request);
void put_destroy(Bytes& out, std::uint32_t sequence, std::string_view set);
void put_swap(Bytes& out, std::uint32_t sequence, std::string_view set, std::string_view other);
void put_rename(Bytes& out, std::uint32_t sequence, std::string_view set, std::string_view name);
void put_index(Bytes& out, std::uint32_t sequence, std::string_view set);
void put_list(Bytes& out, std::uint32_t sequence, std::string_view set, bool header_only);
// Adding what is there already gives it the new timeout, whether longer or shorter; removing what is not
// there is no error. All elements are of one family and fit in one attribute: at most kMostElements. A failed
// element ends the message: those before it are done, those behind it were not looked at.
inline constexpr std::size_t kMostElements = 512;
void put_add(Bytes& out, std::uint32_t sequence, std::string_view set, std::span<const Element> elements);
void put_remove(Bytes& out, std::uint32_t sequence, std::string_view set, std::span<const Element> elements);
// The answer is an acknowledgement: 0 it is in the set, kExists it is not. A host is also found in a wider
// network.
void put_test(Bytes& out, std::uint32_t sequence, std::string_view set, const Prefix& prefix);

// --- answers. Absent: the message is something else. ---
[[nodiscard]] std::optional<std::uint8_t> decode_protocol(const Message& message);
[[nodiscard]] std::optional<RevisionRange> decode_type(const Message& message);
[[nodiscard]] std::optional<std::uint16_t> decode_index(const Message& message);
// The first message of a list has the header; every one may have elements.
[[nodiscard]] std::optional<SetHeader> decode_header(const Message& message);
void decode_elements(const Message& message, std::vector<Element>& elements);
// Which element of put_add() or put_remove() failed, from 0; absent: the message as a whole.
[[nodiscard]] std::optional<std::size_t> failed_element(const Acknowledgement& acknowledgement);

}  // namespace coturn_guard::ipset
