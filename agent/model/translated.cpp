// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/translated.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "model/private_address.hpp"

namespace coturn_guard {
namespace {

constexpr std::array<unsigned, 6> kNat64Lengths{32, 40, 48, 56, 64, 96};
constexpr unsigned kSixToFourSite = 48;

std::uint32_t word(const Address::Bytes& bytes, std::size_t at) {
  std::uint32_t made = 0;
  for (std::size_t i = 0; i < 4; ++i) made = made << 8 | bytes[at + i];
  return made;
}

// Where a NAT64 of that prefix length puts the IPv4 address: bits 64 to 71 are left out. `end` is the byte
// behind it.
std::uint32_t embedded(const Address::Bytes& bytes, unsigned length, std::size_t& end) {
  constexpr std::size_t kLeftOut = 8;
  std::uint32_t made = 0;
  std::size_t at = length / 8;
  for (int i = 0; i < 4; ++i, ++at) {
    if (at == kLeftOut && length < 96) ++at;
    made = made << 8 | bytes[at];
  }
  end = at;
  return made;
}

bool is_within(std::uint32_t host, std::uint32_t network, unsigned length) {
  return host >> (32 - length) == network >> (32 - length);
}

// Loopback, "this network", multicast and what is reserved: nobody comes from there, and some of it is never
// banned.
bool is_host(std::uint32_t host) {
  return !is_within(host, 0x00000000, 8) && !is_within(host, 0x7f000000, 8) && host < 0xe0000000;
}

// 6to4 and Teredo work with public addresses alone (RFC 3056 section 2, RFC 4380 section 5.2.4). Whoever made
// up another is not to pass for a neighbour of ours, nor for one behind its provider's NAT (100.64.0.0/10).
bool is_public(std::uint32_t host) {
  return is_host(host) && !is_private(Address::v4(host)) && !is_within(host, 0x64400000, 10);
}

Translated by_nat64(const Address& address, unsigned length) {
  std::size_t end = 0;
  const std::uint32_t host = embedded(address.bytes(), length, end);
  const Prefix arrives(address, static_cast<unsigned>(end * 8));
  return {is_host(host) ? Address::v4(host) : arrives.network(), arrives};
}

// RFC 8215 leaves open how long the prefixes in it are. An IPv4 address at its end is what everybody does;
// the other forms have zeros there.
unsigned length_in_local(const Address::Bytes& bytes) {
  const auto zero_from = [&](std::size_t from) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(),
                       [](std::uint8_t byte) { return byte == 0; });
  };
  if (bytes[8] != 0 || !zero_from(13)) return 96;
  if (!zero_from(12)) return 64;
  if (!zero_from(11)) return 56;
  return 48;
}

}  // namespace

bool TranslatedNetworks::is_nat64_length(unsigned length) {
  return std::find(kNat64Lengths.begin(), kNat64Lengths.end(), length) != kNat64Lengths.end();
}

std::optional<Translated> TranslatedNetworks::find(const Address& address) const {
  if (address.is_v4()) return std::nullopt;
  const Address::Bytes& bytes = address.bytes();
  const Prefix* own = nullptr;  // the longest
  for (const Prefix& prefix : nat64_)
    if (prefix.contains(address) && (own == nullptr || prefix.length() > own->length())) own = &prefix;
  if (own != nullptr) return by_nat64(address, own->length());
  static const Prefix kWellKnown = *Prefix::parse("64:ff9b::/96");
  if (kWellKnown.contains(address)) return by_nat64(address, kWellKnown.length());
  static const Prefix kLocalUse = *Prefix::parse("64:ff9b:1::/48");
  if (kLocalUse.contains(address)) return by_nat64(address, length_in_local(bytes));
  constexpr std::uint32_t kSixToFour = 0x2002, kTeredo = 0x20010000;
  if (word(bytes, 0) >> 16 == kSixToFour && is_public(word(bytes, 2)))
    return Translated{Address::v4(word(bytes, 2)), Prefix(address, kSixToFourSite)};
  if (word(bytes, 0) == kTeredo && is_public(~word(bytes, 12)))
    return Translated{Address::v4(~word(bytes, 12)), Prefix(address, kWholeAddress)};
  return std::nullopt;
}

}  // namespace coturn_guard
