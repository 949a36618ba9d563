// SPDX-License-Identifier: GPL-3.0-or-later
// Reads turnserver.conf as coturn's mainrelay.c does (read_config_file, parse_arg_string, set_option) and
// takes from it where the log goes and where clients connect. Text in, values out; it opens no file and keeps
// no other line.
#pragma once

#include <optional>
#include <string_view>

#include "detected.hpp"

namespace coturn_guard {

[[nodiscard]] Detected parse_turnserver_conf(std::string_view text);

// The value of the option's last line, "" where it has none; absent where the option does not stand there.
// For `doctor`, which looks at more of it and writes nothing down. Borrowed from `text`.
[[nodiscard]] std::optional<std::string_view> turnserver_option(std::string_view text, std::string_view name);
// What coturn takes a value of a switch for: "", "1", "yes" …
[[nodiscard]] bool turnserver_truth(std::string_view value);

}  // namespace coturn_guard
