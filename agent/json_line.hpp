// SPDX-License-Identifier: GPL-3.0-or-later
// What `--json` prints: one object a line, in ASCII. Text of an attacker's may be in it: what is no UTF-8 is
// replaced, never thrown over.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace coturn_guard {

using Json = nlohmann::ordered_json;

inline void print_line(const Json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', true, Json::error_handler_t::replace));
}

}  // namespace coturn_guard
