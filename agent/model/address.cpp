// SPDX-License-Identifier: GPL-3.0-or-later
#include "model/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace coturn_guard {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// By hand because every line that offends passes here: inet_pton wants a terminated copy and takes five times
// as long.
std::optional<std::uint32_t> parse_v4(std::string_view text) {
  if (text.size() < 7 || text.size() > 15) return std::nullopt;
  std::uint32_t address = 0;
  unsigned octet = 0, digits = 0, dots = 0;
  for (const char c : text) {
    if (c == '.') {
      if (digits == 0 || ++dots > 3) return std::nullopt;
      address = address << 8 | octet;
      octet = digits = 0;
    } else {
      if (c < '0' || c > '9' || (digits > 0 && octet == 0)) return std::nullopt;
      octet = octet * 10 + static_cast<unsigned>(c - '0');
      if (octet > 255) return std::nullopt;
      ++digits;
    }
  }
  if (dots != 3 || digits == 0) return std::nullopt;
  return address << 8 | octet;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint32_t port = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<std::uint32_t>(c - '0');
    if (port > 0xffff) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

std::optional<Endpoint> endpoint(std::string_view address, std::string_view port) {
  const auto a = Address::parse(address);
  const auto p = parse_port(port);
  if (!a || !p) return std::nullopt;
  return Endpoint{*a, *p};
}

}  // namespace

std::optional<Address> Address::parse(std::string_view text) {
  if (const auto address = parse_v4(text)) return v4(*address);
  if (text.size() < 2 || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> copy{};
  text.copy(copy.data(), text.size());
  Bytes bytes;
  // A NUL inside the text would end it early for inet_pton.
  if (std::strlen(copy.data()) != text.size() || inet_pton(AF_INET6, copy.data(), bytes.data()) != 1)
    return std::nullopt;
  return Address(bytes);
}

bool Address::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin());
}

bool Address::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](auto b) { return b == 0; }) && bytes_[15] == 1;
}

std::string Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4())
    inet_ntop(AF_INET, bytes_.data() + 12, text.data(), text.size());
  else
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || close + 1 >= text.size() || text[close + 1] != ':')
      return std::nullopt;
    return endpoint(text.substr(1, close - 1), text.substr(close + 2));
  }
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos)
    if (const auto v4 = parse_v4(text.substr(0, colon))) {
      const auto port = parse_port(text.substr(colon + 1));
      return port ? std::optional(Endpoint{Address::v4(*v4), *port}) : std::nullopt;
    }
  const auto bare = Address::parse(text);
  if (!bare) return std::nullopt;
  return Endpoint{*bare, 0};
}

std::optional<Endpoint> Endpoint::parse_unbracketed(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return endpoint(text.substr(0, colon), text.substr(colon + 1));
}

}  // namespace coturn_guard
