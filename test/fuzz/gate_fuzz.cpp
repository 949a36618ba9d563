// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel's queue tells: whatever stands in it, nothing is read past its end (the sanitizers watch),
// each packet lies within what was received, and there are no more verdicts than packets.
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "source/gate_messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  const std::vector<char> received(bytes, bytes + size);  // exactly as long
  std::vector<char> out;
  nfqueue::Verdicts verdicts(out, 3478);
  std::size_t packets = 0;
  const auto taken = nfqueue::take_messages(received, [&](const nfqueue::QueuedPacket& queued) {
    ++packets;
    if (queued.packet.wire_bytes < queued.packet.bytes.size()) std::abort();
    std::uint8_t sum = 0;
    for (const auto byte : queued.packet.bytes) sum = static_cast<std::uint8_t>(sum + byte);
    verdicts.add(queued.id, sum % 2 == 0 ? PacketFate::accept : PacketFate::drop);
  });
  verdicts.finish();
  if (packets + taken.malformed > size / sizeof(nlmsghdr) + 1) std::abort();
  if (out.size() > packets * 64) std::abort();
  return 0;
}
