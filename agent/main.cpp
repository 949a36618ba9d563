// SPDX-License-Identifier: GPL-3.0-or-later
// argv in, exit code out. The one catch of the program: what a library throws where nobody expected it ends
// here, named.
#include <cstdio>
#include <exception>

#include "command_line.hpp"

int main(int argc, char** argv) {
  try {
    return coturn_guard::run_command_line(argc, argv);
  } catch (const std::exception& unexpected) {
    std::fprintf(stderr, "coturn-guard: %s\n", unexpected.what());
    return 1;
  }
}
