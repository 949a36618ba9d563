// SPDX-License-Identifier: GPL-3.0-or-later
// A rule's pattern, compiled: RE2 with our placeholders, anchored at both ends, and what it names out of a
// message. The offender: {client} is address and port as coturn's addr_to_string() prints them,
// {client_unbracketed} as addr_debug_print() does (IPv6 without brackets), {client_address} an address alone.
// {local} is coturn's own side, {peer} an address with or without port, {user} what coturn prints as a user
// name (hostile text, but without blanks: coturn refuses those). {endpoint} is any other address, not
// captured.
#pragma once

#include <re2/re2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/quick_match.hpp"
#include "model/flow.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class Pattern {
 public:
  static constexpr std::size_t kMaxUserBytes = 512;  // STUN_MAX_USERNAME_SIZE in coturn's ns_turn_msg_defs.h

  // Fails, for people, on an unknown placeholder, one thing named twice, capturing groups, and what RE2
  // refuses.
  [[nodiscard]] static Result<Pattern> compile(std::string_view text);

  // Present where the whole message matches, and every address in it that has a name here is a real one: an
  // event of which only what the message names (client, local, peer, user) is set yet.
  [[nodiscard]] std::optional<Event> match(std::string_view message) const;
  // The same without the quick way, whose measure it is.
  [[nodiscard]] std::optional<Event> match_by_re2(std::string_view message) const;
  // The expanded expression, for an RE2::Set.
  [[nodiscard]] const std::string& expression() const { return expression_->pattern(); }

  [[nodiscard]] bool names_client() const;
  [[nodiscard]] bool names_port() const;  // of the client
  [[nodiscard]] bool names_peer() const { return names(Part::peer); }
  [[nodiscard]] bool names_user() const { return names(Part::user); }

  // Bytes as they come (an attacker's UTF-8 may be broken), no messages on stderr, memory bounded.
  [[nodiscard]] static re2::RE2::Options options();

 private:
  enum class Part : std::uint8_t { client, client_unbracketed, client_address, local, peer, user };
  static constexpr std::size_t kMaxParts = QuickMatch::kMaxGroups;  // client, local, peer, user
  struct Placeholder;
  static const std::array<Placeholder, 7> kPlaceholders;

  Pattern() = default;
  Result<> add(std::string& expression, std::string_view word);
  [[nodiscard]] bool names(Part part) const;
  [[nodiscard]] std::optional<Event> read(const QuickMatch::Groups& groups) const;

  std::unique_ptr<re2::RE2> expression_;
  std::optional<QuickMatch> quick_;
  std::vector<Part> parts_;  // in the order of their groups
};

}  // namespace coturn_guard
