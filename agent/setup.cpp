// SPDX-License-Identifier: GPL-3.0-or-later
#include "setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "detect/rule_file.hpp"
#include "util/nearest.hpp"

namespace coturn_guard {
namespace {

// What he left out stays as the book has it. No points switch a rule off, whatever else it counts; points
// alone are what an offence costs, also where the book lets only different ones cost.
void apply(const RuleSetting& setting, Rule& rule) {
  Trait& trait = rule.trait;
  if (setting.points) {
    (trait.points.milli == 0 && trait.points_from.milli != 0 ? trait.points_from : trait.points) =
        *setting.points;
    rule.off = setting.points->milli == 0;
  }
  if (setting.window) trait.window = *setting.window;
  if (setting.free) trait.free = *setting.free;
  if (setting.from) trait.from = *setting.from;
  if (setting.points_from) trait.points_from = *setting.points_from;
  if (setting.credit) trait.credit = *setting.credit;
}

// The operator's `rules:` over the book's points. A name that no rule has is a mistake, not a wish.
void tune(RuleBook& book, const Config& config, Problems& problems) {
  for (const auto& tuning : config.rules) {
    const auto rule = std::find_if(book.rules.begin(), book.rules.end(),
                                   [&](const Rule& candidate) { return candidate.name == tuning.name; });
    if (rule != book.rules.end()) {
      apply(tuning, *rule);
      continue;
    }
    std::vector<std::string_view> names;
    for (const auto& known : book.rules) names.push_back(known.name);
    problems.push_back(fmt::format("{}: no rule is called '{}'; did you mean '{}'?", tuning.where,
                                   tuning.name, nearest(tuning.name, names)));
  }
}

}  // namespace

std::string own_rules_directory(const std::string& config_file) {
  return (std::filesystem::path(config_file).parent_path() / "rules.d").string();
}

tl::expected<Setup, Problems> load_setup(const SetupPaths& paths) {
  auto config = load_config(paths.config, paths.config_required, paths.detected);
  if (!config) return tl::unexpected(std::move(config.error()));  // which rules it wants is not known then
  auto book = load_rules(config->rules_file, own_rules_directory(paths.config));
  if (!book) return tl::unexpected(std::move(book.error()));
  Problems problems;
  tune(*book, *config, problems);
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  std::vector<std::string> notes = std::move(book->notes);
  auto rules = RuleSet::create(std::move(*book));
  if (!rules) return tl::unexpected(Problems{config->rules_file + ": " + rules.error().message()});
  return Setup{std::move(*config), std::move(*rules), std::move(notes)};
}

}  // namespace coturn_guard
