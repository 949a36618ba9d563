// SPDX-License-Identifier: GPL-3.0-or-later
// The daemon's status for people: one screen. Text out of the answer's JSON; it asks nobody.
#pragma once

#include <string>

#include "verbs/conversation.hpp"

namespace coturn_guard {

// `status`: the line {"event":"status"}. Ends in a newline.
[[nodiscard]] std::string status_text(const Json& status, const Paint& paint);
// One line of a ban, a decision or an offence, without its newline (tail, top, why).
[[nodiscard]] std::string decision_text(const Json& line, const Paint& paint);

}  // namespace coturn_guard
