// SPDX-License-Identifier: GPL-3.0-or-later
// The rule file: either a RuleBook that compiles to a RuleSet, or problems that each say where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "detect/rule_file.hpp"
#include "detect/rule_set.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto book = coturn_guard::parse_rules({reinterpret_cast<const char*>(bytes), size}, "fuzz.yaml");
  if (book) {
    if (!coturn_guard::RuleSet::create(std::move(*book))) std::abort();
  } else {
    if (book.error().empty()) std::abort();
    for (const auto& problem : book.error())
      if (!problem.starts_with("fuzz.yaml:")) std::abort();
  }
  return 0;
}
