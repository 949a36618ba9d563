// SPDX-License-Identifier: GPL-3.0-or-later
#include <fmt/format.h>

#include <memory>
#include <string>

#include "command_line.hpp"
#include "verbs/completion.hpp"
#include "verbs/verb.hpp"

namespace coturn_guard {

void add_completion_verb(CommandLine& line) {
  const auto shell = std::make_shared<std::string>();
  auto* const verb =
      add_verb(line, "completion", "print what a shell needs to complete this", [&line, shell] {
        fmt::print("{}", *shell == "bash" ? bash_completion(line.cli) : zsh_completion(line.cli));
        return static_cast<int>(kExitOk);
      });
  verb->group("");  // operators have it installed already
  verb->add_option("SHELL", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
}

}  // namespace coturn_guard
