// SPDX-License-Identifier: GPL-3.0-or-later
// The text of a list of who is never judged: one address, network or host name a line, `#` begins a comment.
// A line that is none of these costs that line only. It opens no file and looks up no name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "model/prefix.hpp"

namespace coturn_guard {

// A full name as DNS has it (RFC 1123, with `_`), in lower case, without the dot at its end.
struct HostName {
  std::string text;

  friend auto operator<=>(const HostName&, const HostName&) = default;
};

using AllowEntry = std::variant<Prefix, HostName>;

// The sentence that says what is wrong is for the operator. The whole world of a family is refused, and a
// name without a dot: it is a slip more often than a host.
[[nodiscard]] tl::expected<AllowEntry, std::string> parse_allow_entry(std::string_view text);

struct AllowMistake {
  std::size_t line = 1, column = 1;
  std::string what;
};

struct AllowList {
  std::vector<Prefix> networks;
  std::vector<HostName> names;
  std::vector<AllowMistake> mistakes;  // the first kMostMistakes
  std::uint64_t more_mistakes = 0;     // of which only the number is known

  static constexpr std::size_t kMostMistakes = 100;
  [[nodiscard]] std::size_t size() const { return networks.size() + names.size(); }
};

// At most `most_entries` are taken; the line of the first one more is a mistake, and nothing is read after
// it.
[[nodiscard]] AllowList parse_allow_list(std::string_view text, std::size_t most_entries);

}  // namespace coturn_guard
