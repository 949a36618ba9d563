// SPDX-License-Identifier: GPL-3.0-or-later
// Sends packets with forged senders as fast as it is told, for gate_test.py; nothing leaves the namespace it
// runs in.
//
//   packet_flood SERVER PORT FIRST_VICTIM VICTIMS PACKETS_PER_SECOND SECONDS
//   [KIND] [PORTS] [FIRST_PORT]
//
// Victims are VICTIMS IPv4 addresses from FIRST_VICTIM on; PORTS source ports of each (default 1, as real
// reflection aims at one) from FIRST_PORT on (1024). KIND: binding (default), allocate, garbage, http,
// large (garbage of 1200 bytes), channel (ChannelData of channel 0x4000, 160 bytes), or mixed (the first
// four). Prints how many packets it sent in how many seconds.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;

void put_u16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

Bytes payload_of(const std::string& kind, std::uint64_t number) {
  if (kind == "garbage") return Bytes(64, static_cast<std::uint8_t>(0xc9 + number % 7));
  if (kind == "large") return Bytes(1200, static_cast<std::uint8_t>(0xc9 + number % 7));
  if (kind == "http") {
    const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    return {text.begin(), text.end()};
  }
  if (kind == "channel") {
    Bytes data{0x40, 0x00, 0x00, 160};
    data.resize(164, 'v');
    return data;
  }
  const bool allocate = kind == "allocate";
  Bytes stun{0x00, static_cast<std::uint8_t>(allocate ? 3 : 1),
             0x00, static_cast<std::uint8_t>(allocate ? 8 : 0),
             0x21, 0x12,
             0xa4, 0x42,
             'f',  'l',
             'o',  'd'};
  for (int shift = 56; shift >= 0; shift -= 8) stun.push_back(static_cast<std::uint8_t>(number >> shift));
  if (allocate) stun.insert(stun.end(), {0x00, 0x19, 0x00, 0x04, 0x11, 0, 0, 0});
  return stun;
}

// UDP's checksum may be left out over IPv4; the kernel fills in the header's.
Bytes packet_of(std::uint32_t source, std::uint32_t server, std::uint16_t source_port, std::uint16_t port,
                const Bytes& payload) {
  Bytes out{0x45, 0};
  put_u16(out, 28 + payload.size());
  out.insert(out.end(), {0, 0, 0, 0, 64, IPPROTO_UDP, 0, 0});
  for (const std::uint32_t address : {source, server})
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(address >> shift));
  for (const std::size_t value :
       {std::size_t{source_port}, std::size_t{port}, payload.size() + 8, std::size_t{0}})
    put_u16(out, value);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

std::uint32_t address_of(const char* text) {
  in_addr address{};
  if (inet_pton(AF_INET, text, &address) != 1)
    std::exit((std::fprintf(stderr, "%s is no IPv4 address\n", text), 2));
  return ntohl(address.s_addr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) return std::fprintf(stderr, "usage: see the head of the source\n"), 2;
  const std::uint32_t server = address_of(argv[1]), first = address_of(argv[3]);
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const auto victims = static_cast<std::uint32_t>(std::max(std::atoi(argv[4]), 1));
  const double per_second = std::max(std::atof(argv[5]), 1.0), seconds = std::min(std::atof(argv[6]), 120.0);
  const std::string kind = argc > 7 ? argv[7] : "binding";
  const auto ports = static_cast<std::uint32_t>(argc > 8 ? std::max(std::atoi(argv[8]), 1) : 1);
  const auto first_port = static_cast<std::uint64_t>(argc > 9 ? std::max(std::atoi(argv[9]), 1) : 1024);

  const int fd = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (fd < 0) return std::perror("open a raw socket"), 1;
  const int bytes = 4 * 1024 * 1024;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(server);

  std::array<Bytes, kBatch> packets;
  std::array<iovec, kBatch> pieces{};
  std::array<mmsghdr, kBatch> messages{};
  static constexpr const char* kMixed[] = {"binding", "allocate", "garbage", "http"};
  const auto began = Clock::now();
  std::uint64_t sent = 0;
  double passed = 0;
  while ((passed = std::chrono::duration<double>(Clock::now() - began).count()) < seconds) {
    const auto due = static_cast<std::uint64_t>(passed * per_second);
    if (due <= sent) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    const std::size_t count = std::min<std::uint64_t>(due - sent, kBatch);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t number = sent + i;
      const auto source_port = static_cast<std::uint16_t>(first_port + number / victims % ports);
      packets[i] = packet_of(first + static_cast<std::uint32_t>(number % victims), server, source_port, port,
                             payload_of(kind == "mixed" ? kMixed[number % 4] : kind, number));
      pieces[i] = {packets[i].data(), packets[i].size()};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &to;
      messages[i].msg_hdr.msg_namelen = sizeof to;
    }
    const int done = ::sendmmsg(fd, messages.data(), static_cast<unsigned>(count), 0);
    if (done > 0) sent += static_cast<std::uint64_t>(done);
  }
  // What a receiver's kernel does for a packet over a veth pair, it does within our sendmmsg(2): this is its
  // CPU, too.
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const double cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                     static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  std::printf("%llu packets in %.2f s, %.0f ns of CPU each\n", static_cast<unsigned long long>(sent), passed,
              cpu * 1e9 / static_cast<double>(std::max<std::uint64_t>(sent, 1)));
  ::close(fd);
  return 0;
}
