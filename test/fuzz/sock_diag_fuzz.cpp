// SPDX-License-Identifier: GPL-3.0-or-later
// What the kernel tells of TCP sockets: whatever stands in it, the decoder looks past no end (the sanitizers
// watch), tells of no more sockets than there is room for, and counts only what has counters.
#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "source/sock_diag_codec.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace coturn_guard;
  // exactly as long, so that one byte too far is seen
  const std::vector<char> received(bytes, bytes + size);
  for (const std::uint32_t sequence : {0U, 7U}) {
    std::vector<sock_diag::Socket> sockets;
    const auto answer = sock_diag::take_answer({received.data(), size}, sequence, sockets);
    if (sockets.size() > size / (sizeof(nlmsghdr) + sizeof(inet_diag_msg))) std::abort();
    if (answer.progress == sock_diag::Progress::done && answer.error != 0) std::abort();
    for (const auto& socket : sockets) {
      if (socket.counted && socket.remote.port == 0) std::abort();
      if (!socket.counted && socket.remote.port != 0 && (socket.received_bytes | socket.acked_bytes) != 0)
        std::abort();
    }
  }
  return 0;
}
