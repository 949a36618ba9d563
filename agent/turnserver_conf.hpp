// SPDX-License-Identifier: GPL-3.0-or-later
// Reads turnserver.conf as coturn's mainrelay.c does (read_config_file, parse_arg_string, set_option) and
// takes from it where the log goes and where clients connect. Text in, values out; it opens no file and keeps
// no other line.
#pragma once

#include <string_view>

#include "detected.hpp"

namespace coturn_guard {

[[nodiscard]] Detected parse_turnserver_conf(std::string_view text);

}  // namespace coturn_guard
