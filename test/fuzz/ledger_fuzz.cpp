// SPDX-License-Identifier: GPL-3.0-or-later
// Offences, unbans, reloads and time itself out of bytes; the ledger's every answer is held against the
// oracle's.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "support/ledger_story.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string wrong = coturn_guard::test::play_ledger_story({bytes, size});
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
