// SPDX-License-Identifier: GPL-3.0-or-later
// Packets for tests, written byte by byte: from 203.0.113.66 or 2001:db8:bad::66 unless a test says
// otherwise. Checksums are left 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "model/address.hpp"

namespace coturn_guard::packets {

using Bytes = std::vector<std::uint8_t>;

inline void put_u16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

inline Bytes udp(std::uint16_t source, std::uint16_t destination, const Bytes& payload) {
  Bytes out;
  for (const std::size_t value :
       {std::size_t{source}, std::size_t{destination}, payload.size() + 8, std::size_t{0}})
    put_u16(out, value);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

inline Bytes tcp(std::uint16_t source, std::uint16_t destination, const Bytes& payload) {
  Bytes out;
  put_u16(out, source);
  put_u16(out, destination);
  out.resize(20);
  out[12] = 0x50;
  out[13] = 0x18;
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

struct Wish4 {
  std::string source = "203.0.113.66";
  std::uint8_t protocol = 17;
  std::size_t options = 0;  // bytes
  std::uint16_t fragment = 0;
};

inline Bytes v4(const Bytes& upper, const Wish4& wish = {}) {
  Bytes out{static_cast<std::uint8_t>(0x40 | (20 + wish.options) / 4), 0};
  put_u16(out, 20 + wish.options + upper.size());
  put_u16(out, 1);
  put_u16(out, wish.fragment);
  out.insert(out.end(), {64, wish.protocol, 0, 0});
  const auto source = Address::parse(wish.source)->bytes();
  out.insert(out.end(), source.begin() + 12, source.end());
  out.insert(out.end(), {198, 51, 100, 10});
  out.resize(out.size() + wish.options, 1);
  out.insert(out.end(), upper.begin(), upper.end());
  return out;
}

struct Wish6 {
  std::string source = "2001:db8:bad::66";
  std::uint8_t protocol = 17;
  std::vector<std::uint8_t> extensions;  // their numbers, 8 bytes each
  std::uint16_t fragment = 0;            // of the extension 44
};

inline Bytes v6(const Bytes& upper, const Wish6& wish = {}) {
  Bytes out{0x60, 0, 0, 0};
  put_u16(out, 8 * wish.extensions.size() + upper.size());
  out.push_back(wish.extensions.empty() ? wish.protocol : wish.extensions.front());
  out.push_back(64);
  for (const std::string& address : {wish.source, std::string("2001:db8::10")}) {
    const auto raw = Address::parse(address)->bytes();
    out.insert(out.end(), raw.begin(), raw.end());
  }
  for (std::size_t i = 0; i < wish.extensions.size(); ++i) {
    out.push_back(i + 1 < wish.extensions.size() ? wish.extensions[i + 1] : wish.protocol);
    out.push_back(0);
    put_u16(out, wish.extensions[i] == 44 ? wish.fragment : 0);
    out.resize(out.size() + 4);
  }
  out.insert(out.end(), upper.begin(), upper.end());
  return out;
}

// To coturn's port, from a port that means nothing.
inline Bytes datagram(const Bytes& payload, const std::string& source = "203.0.113.66") {
  return v4(udp(4000, 3478, payload), {.source = source});
}
inline Bytes segment(const Bytes& payload, const std::string& source = "203.0.113.66") {
  return v4(tcp(4000, 3478, payload), {.source = source, .protocol = 6});
}

}  // namespace coturn_guard::packets
