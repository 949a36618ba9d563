// SPDX-License-Identifier: GPL-3.0-or-later
// Netlink answers: whatever stands in them, no decoder looks past the end (the sanitizers watch), and no
// message is longer than what was received.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "enforce/drop_rule.hpp"
#include "enforce/ipset_codec.hpp"
#include "enforce/netlink_bytes.hpp"

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
    (void)drop_rule::is_active_table(*message);
    (void)drop_rule::is_our_chain(*message);
    (void)drop_rule::describe(*message);
    (void)drop_rule::concerns_us(*message);
  }
  return 0;
}
