// SPDX-License-Identifier: GPL-3.0-or-later
// `why`, as far as the running daemon knows the answer: the ban, the last offences behind it, and where the
// address stands. What is older stands in the logs.
#pragma once

#include <optional>

#include "model/prefix.hpp"
#include "verbs/conversation.hpp"

namespace coturn_guard {

// The exit code; absent: no daemon answers, or it knows nothing of it.
[[nodiscard]] std::optional<int> tell_what_the_daemon_knows(const ControlOptions& options,
                                                            const Prefix& network);

}  // namespace coturn_guard
