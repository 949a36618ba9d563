// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/prefix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace coturn_guard {
namespace {

constexpr unsigned kMappedBits = 96;  // before the IPv4 address in ::ffff:a.b.c.d

// kMasks[n]: the first n bits. Each offence is cut several times on its way.
constexpr auto kMasks = [] {
  std::array<Address::Bytes, 129> masks{};
  for (unsigned bits = 0; bits < masks.size(); ++bits)
    for (unsigned i = 0; i < masks[bits].size(); ++i) {
      const unsigned kept = bits > 8 * i ? std::min(bits - 8 * i, 8U) : 0;
      masks[bits][i] = static_cast<std::uint8_t>(0xff00U >> kept);
    }
  return masks;
}();

Address cut(const Address& address, unsigned bits) {
  Address::Bytes bytes = address.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] &= kMasks[bits][i];
  return Address(bytes);
}

}  // namespace

Prefix::Prefix(const Address& address, unsigned length) {
  const bool v4 = address.is_v4();
  length_ = static_cast<std::uint8_t>(std::min(length, v4 ? 32U : 128U));
  network_ = cut(address, v4 ? kMappedBits + length_ : length_);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned longest = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Prefix(*address, longest);
  unsigned length = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + slash + 1, last, length);
  if (error != std::errc{} || end != last || length > longest) return std::nullopt;
  return Prefix(*address, length);
}

bool Prefix::contains(const Address& address) const {
  return address.is_v4() == is_v4() && cut(address, is_v4() ? kMappedBits + length_ : length_) == network_;
}

bool Prefix::overlaps(const Prefix& other) const {
  return length_ <= other.length_ ? contains(other.network_) : other.contains(network_);
}

std::string Prefix::to_string() const {
  return fmt::format("{}/{}", network_.to_string(), length_);
}

}  // namespace coturn_guard
