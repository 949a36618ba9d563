// SPDX-License-Identifier: GPL-3.0-or-later
#include "control/state_codec.hpp"

#include <algorithm>

#include "util/big_endian.hpp"

namespace coturn_guard {

NetworkBytes encode_network(const Prefix& network) {
  NetworkBytes bytes{};
  std::copy(network.network().bytes().begin(), network.network().bytes().end(), bytes.begin());
  bytes.back() = static_cast<std::uint8_t>(network.length());
  return bytes;
}

bool decode_network(std::span<const std::uint8_t> bytes, Prefix& network) {
  if (bytes.size() != std::tuple_size_v<NetworkBytes>) return false;
  Address::Bytes address{};
  std::copy(bytes.begin(), bytes.end() - 1, address.begin());
  network = Prefix(Address(address), bytes.back());
  // As it was written: no host bits, no length beyond the family's.
  return network.network().bytes() == address && network.length() == bytes.back();
}

bool decode_address(std::span<const std::uint8_t> bytes, Address& address) {
  Address::Bytes all{};
  if (bytes.size() != all.size()) return false;
  std::copy(bytes.begin(), bytes.end(), all.begin());
  address = Address(all);
  return true;
}

std::vector<std::uint8_t> encode_window(const std::array<std::uint64_t, 8>& window) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(sizeof window);
  for (const std::uint64_t slot : window) {
    if (slot == 0) break;
    for (unsigned shift = 64; shift > 0; shift -= 8)
      bytes.push_back(static_cast<std::uint8_t>(slot >> (shift - 8)));
  }
  return bytes;
}

bool decode_window(std::span<const std::uint8_t> bytes, std::array<std::uint64_t, 8>& window) {
  window.fill(0);
  if (bytes.size() > sizeof window || bytes.size() % 8 != 0) return false;
  for (std::size_t i = 0; i < bytes.size() / 8; ++i)
    window[i] = std::uint64_t{read_u32(bytes, 8 * i)} << 32 | read_u32(bytes, 8 * i + 4);
  return true;
}

}  // namespace coturn_guard
