// SPDX-License-Identifier: GPL-3.0-or-later
// A payload with questions that no end of it can break: whatever is asked beyond what is there is answered
// with "no" or a negative number.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "detect/packet_headers.hpp"
#include "util/big_endian.hpp"

namespace coturn_guard::protocols {

struct Sample {
  std::span<const std::uint8_t> bytes;
  std::size_t whole = 0;  // bytes on the wire
  Transport transport = Transport::udp;

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] bool begins(std::string_view with, std::size_t at = 0) const {
    return at <= bytes.size() && text().substr(at).starts_with(with);
  }
  [[nodiscard]] bool begins_with_one(std::initializer_list<std::string_view> words) const {
    return std::any_of(words.begin(), words.end(), [this](std::string_view word) { return begins(word); });
  }
  [[nodiscard]] bool holds(std::string_view word, std::size_t within = 256) const {
    return text().substr(0, within).find(word) != std::string_view::npos;
  }
  // A byte, or a number in network order; -1 where the payload ends before.
  [[nodiscard]] int at(std::size_t index) const { return index < bytes.size() ? bytes[index] : -1; }
  [[nodiscard]] std::int64_t u16(std::size_t index) const {
    return index + 2 <= bytes.size() ? read_u16(bytes, index) : -1;
  }
  [[nodiscard]] std::int64_t u32(std::size_t index) const {
    return index + 4 <= bytes.size() ? std::int64_t{read_u32(bytes, index)} : -1;
  }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(whole); }
  [[nodiscard]] bool tcp() const { return transport == Transport::tcp; }
};

}  // namespace coturn_guard::protocols
