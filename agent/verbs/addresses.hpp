// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses and networks as an operator hands them to a verb: arguments, or many from standard input (`-`).
// What does not parse is told with its place, all of it at once.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "model/prefix.hpp"
#include "util/problems.hpp"

namespace coturn_guard {

inline constexpr std::size_t kMostAddresses = 1'048'576;

// Words between blanks, of `input` where an argument is "-"; there, # begins a comment. Problems:
// "argument 2: …", "standard input:7:3: …"; at most 20, the last of which says that there are more.
[[nodiscard]] tl::expected<std::vector<Prefix>, Problems> read_addresses(
    const std::vector<std::string>& arguments, std::istream& input);

}  // namespace coturn_guard
