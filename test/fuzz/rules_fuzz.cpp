// SPDX-License-Identifier: GPL-3.0-or-later
// A rule file, as the shipped one and as an operator's: either a RuleBook that compiles to a RuleSet and
// whose parts are in bounds, or problems that each say where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "detect/rule_file.hpp"
#include "detect/rule_reader.hpp"
#include "detect/rule_set.hpp"

using namespace coturn_guard;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void all_say_where(const Problems& problems) {
  for (const auto& problem : problems) must(problem.starts_with("fuzz.yaml:"));
}

void check(const Rule& rule) {
  must(!rule.name.empty());
  must(rule.begins.empty() == rule.pattern.empty());
  must(rule.begins.empty() || rule.kernel == KernelSign::none || rule.kernel == KernelSign::unserved);
  must(rule.trait.window.count() >= 0);
  must((rule.trait.from == 0) || rule.trait.distinct != Distinct::nothing);
  must(!rule.login || (rule.session && rule.trait.points == Points{}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view yaml(reinterpret_cast<const char*>(bytes), size);
  auto book = parse_rules(yaml, "fuzz.yaml");
  if (book) {
    for (const Rule& rule : book->rules) check(rule);
    must(RuleSet::create(std::move(*book)).has_value());
  } else {
    must(!book.error().empty());
    all_say_where(book.error());
  }
  const RuleDocument document = read_rules(yaml, "fuzz.yaml", RuleFileKind::added);
  must(document.places.size() == document.book.rules.size());
  all_say_where(document.problems);
  if (document.problems.empty())
    for (const Rule& rule : document.book.rules) check(rule);
  return 0;
}
