// SPDX-License-Identifier: GPL-3.0-or-later
// What bash and zsh need to complete our command line, made from its own description: no verb and no option
// can be missing. What an option takes follows from its type's name: FILE, DIR, RULE, or {one,of,these}.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace coturn_guard {

// For /usr/share/bash-completion/completions: the package bash-completion loads it and has what it calls.
[[nodiscard]] std::string bash_completion(const CLI::App& program);
// For zsh's fpath, as _coturn-guard.
[[nodiscard]] std::string zsh_completion(const CLI::App& program);

}  // namespace coturn_guard
