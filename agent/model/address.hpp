// SPDX-License-Identifier: GPL-3.0-or-later
// An IP address as 16 bytes; IPv4 is held as ::ffff:a.b.c.d, so the two spellings of one host are one value.
// Own type because asio's (Boost 1.74) is 32 bytes, has no hash and tells the two spellings apart. No names,
// no zones.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coturn_guard {

class Address {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  constexpr Address() = default;  // "::", which never stands for a host
  explicit constexpr Address(const Bytes& bytes) : bytes_(bytes) {}
  // `host_order`: 0x7f000001 is 127.0.0.1
  static constexpr Address v4(std::uint32_t host_order) {
    Bytes b{};
    b[10] = b[11] = 0xff;
    for (unsigned i = 0; i < 4; ++i) b[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    return Address(b);
  }
  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"; nothing around it: no blank, bracket, port, zone or
  // leading zero.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] bool is_loopback() const;  // 127/8 and ::1
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  Bytes bytes_{};
};

// An address with its port, as coturn prints it.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;  // 0: none was printed

  // coturn's addr_to_string(): "192.0.2.1:55", "[2001:db8::1]:55", or the bare address.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  // coturn's addr_debug_print(): IPv6 without brackets, the port after the last colon ("2001:db8::1:55").
  [[nodiscard]] static std::optional<Endpoint> parse_unbracketed(std::string_view text);

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace coturn_guard
