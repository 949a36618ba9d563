// SPDX-License-Identifier: GPL-3.0-or-later
// Replaces a small file in one step: who reads it sees the old text or the new one, never half of it. For
// texts that are written again when the machine starts: it does not sync, so after a power cut the old text
// may stand there.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "util/result.hpp"

namespace coturn_guard {

// Writes beside `path` and renames. The mode is exact, whatever the umask; the directory must exist.
[[nodiscard]] Result<> replace_file(const std::string& path, std::string_view text, mode_t mode);

}  // namespace coturn_guard
