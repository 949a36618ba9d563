// SPDX-License-Identifier: GPL-3.0-or-later
// Gathers the facts: gather_files() below a root of one's choice (a mounted system, a test's tree),
// gather_live() from the running system. It judges nothing; what cannot be read is a fact, too.
#pragma once

#include <string>

#include "doctor/facts.hpp"
#include "setup.hpp"

namespace coturn_guard::doctor {

// `root`: "" for this system, else a directory that stands for /.
[[nodiscard]] Facts gather_files(const std::string& root, const SetupPaths& paths);
// Adds what only the running system knows, and chooses the source again by it. Takes up to a second.
void gather_live(Facts& facts, const SetupPaths& paths);

}  // namespace coturn_guard::doctor
