// SPDX-License-Identifier: GPL-3.0-or-later
// A rule's pattern, compiled: RE2 with our placeholders, anchored at both ends, and the offender's address
// out of it. {client} is address and port as coturn's addr_to_string() prints them, {client_unbracketed} as
// addr_debug_print() does (IPv6 without brackets), {client_address} an address alone. {endpoint} is any other
// address in the line.
#pragma once

#include <re2/re2.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/address.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class Pattern {
 public:
  // Fails, for people, on an unknown placeholder, not exactly one client, capturing groups, and what RE2
  // refuses.
  [[nodiscard]] static Result<Pattern> compile(std::string_view text);

  // The offender, where the whole message matches and names a real address.
  [[nodiscard]] std::optional<Endpoint> match(std::string_view message) const;
  // The expanded expression, for an RE2::Set.
  [[nodiscard]] const std::string& expression() const { return expression_->pattern(); }

  // Bytes as they come (an attacker's UTF-8 may be broken), no messages on stderr, memory bounded.
  [[nodiscard]] static re2::RE2::Options options();

 private:
  enum class Client : std::uint8_t { bracketed, unbracketed, address };
  Pattern() = default;

  std::unique_ptr<re2::RE2> expression_;
  Client client_ = Client::bracketed;
};

}  // namespace coturn_guard
