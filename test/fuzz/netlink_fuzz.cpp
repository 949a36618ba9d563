// SPDX-License-Identifier: GPL-3.0-or-later
// Netlink answers: whatever stands in them, no decoder looks past the end (the sanitizers watch), and no
// message is longer than what was received.
// The drop rule's answers are left out: libnftnl parses them, and it ends the process (abi_breakage() in its
// utils.c) when an attribute has not the length that it expects of a kernel.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "enforce/conntrack_codec.hpp"
#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_bytes.hpp"
#include "enforce/nftables_codec.hpp"
#include "enforce/nftables_elements.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  const std::vector<std::uint8_t> received(
      bytes, bytes + size);  // exactly as long, so that one byte too far is seen
  ByteView rest(received);
  while (const auto message = next_message(rest)) {
    if (message->whole.size() > received.size()) std::abort();
    if (const auto acknowledgement = decode_acknowledgement(*message)) {
      (void)ipset::failed_element(*acknowledgement);
      (void)ipset::make_error(acknowledgement->error).message();
    }
    (void)ipset::decode_protocol(*message);
    (void)ipset::decode_type(*message);
    (void)ipset::decode_index(*message);
    (void)ipset::decode_header(*message);
    std::vector<ipset::Element> elements;
    ipset::decode_elements(*message, elements);
    if (elements.size() > received.size()) std::abort();
    (void)nftables::decode_set(*message);
    (void)nftables::decode_generation(*message);
    for (const auto family : kFamilies) {
      std::vector<nftables::Edge> edges;
      nftables::decode_edges(*message, family, edges);
      for (const auto& interval : nftables::pair_up(edges, family)) {
        // A range needs at most two prefixes of each length.
        const auto pieces = interval.elements();
        if (pieces.empty() || pieces.size() > 256) std::abort();
        if (pieces.front().prefix.network() != interval.first) std::abort();
      }
    }
    if (const auto flow = conntrack::decode_flow(*message)) {
      std::vector<std::uint8_t> request;
      conntrack::put_delete(request, 1, *flow);
    }
  }
  return 0;
}
