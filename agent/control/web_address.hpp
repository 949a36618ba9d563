// SPDX-License-Identifier: GPL-3.0-or-later
// The address of a web hook, from its text. Pure.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "control/hook.hpp"

namespace coturn_guard {

// "http://host[:port][/path][?query]". The error says what is wrong, for the operator; of https, how to get
// there.
[[nodiscard]] tl::expected<WebAddress, std::string> parse_web_address(std::string_view text);

}  // namespace coturn_guard
