// SPDX-License-Identifier: GPL-3.0-or-later
// What stands in the sets of our table in nf_tables, both ways: elements added, renewed, removed, listed and
// looked for. An interval is two elements, its beginning and the first address behind it. No socket. Facts:
// linux/netfilter/nf_tables.h; net/netfilter/nf_tables_api.c and nft_set_rbtree.c.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "enforce/element.hpp"
#include "enforce/netlink_bytes.hpp"
#include "enforce/nftables_interval.hpp"

namespace coturn_guard::nftables {

// Of an address as a set's key.
constexpr std::uint32_t key_bytes(Family family) {
  return family == Family::v4 ? 4 : 16;
}

struct ElementRequest {
  unsigned command = 0;  // NFT_MSG_…SETELEM
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
};
// One message with as many from the front of `rest` as it takes; they are taken off. `timed`: with times and
// counters. `set_number`: of a set that the same transaction makes.
void put_elements(Bytes& out, const ElementRequest& request, Family family, bool timed,
                  std::optional<std::uint32_t> set_number, std::span<const Interval>& rest);

// What happens to elements, in order; all of it is one transaction.
enum class Verb : std::uint8_t {
  add,     // fails (EEXIST) where it is there, or something that overlaps it
  renew,   // whether it is there or not
  remove,  // whether it is there or not
};
class ElementBatch {
 public:
  // Numbers from `sequence` on.
  ElementBatch(Bytes& out, std::uint32_t sequence);
  // All of one family; any number of them.
  void put(Verb verb, Family family, std::span<const Element> elements);
  // Which must be there, as they are.
  void remove(Family family, std::span<const Interval> intervals);
  // Ends it; only the last message asks for an acknowledgement, and failed ones answer anyhow. Its number.
  [[nodiscard]] std::uint32_t end();

 private:
  void message(unsigned command, std::uint16_t flags, Family family, std::span<const Interval> intervals);
  Bytes& out_;
  std::uint32_t first_;
  std::uint32_t sequence_;
  std::size_t last_message_ = 0;  // where it begins
};

void put_list_elements(Bytes& out, std::uint32_t sequence, Family family);
// ENOENT: no; anything else that is an answer: its first address lies in an interval of the set.
void put_find_element(Bytes& out, std::uint32_t sequence, const Prefix& prefix);
// Appends what a message of that list tells; nothing where it is another message.
void decode_edges(const Message& message, Family family, std::vector<Edge>& edges);

}  // namespace coturn_guard::nftables
