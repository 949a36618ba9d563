// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "detect/rule_proof.hpp"
#include "detect/rule_reader.hpp"

namespace coturn_guard {
namespace {

Result<std::string> read_file(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) return fail(errno, "open {}", name);
  std::string text(kMaxRuleFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail(errno, "read {}", name);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

RuleDocument read_document(const std::string& name, RuleFileKind kind) {
  const Result<std::string> text = read_file(name);
  if (!text) return {{}, {}, {text.error().message()}};
  return read_rules(*text, name, kind);
}

// The *.yaml of a directory that are not hidden, in the order of their names.
Result<std::vector<std::string>> files_in(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  if (error == std::errc::no_such_file_or_directory) return names;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::filesystem::path name = entries->path().filename();
    if (name.extension() == ".yaml" && !name.native().starts_with('.')) names.push_back(entries->path());
    if (names.size() > kMaxRuleFiles)
      return fail("{} holds more than {} rule files", directory, kMaxRuleFiles);
  }
  if (error) return tl::unexpected(Error{error, fmt::format("read the directory {}", directory)});
  std::sort(names.begin(), names.end());
  return names;
}

template <class Item>
void move_in_front(std::vector<Item>& items, std::vector<Item>& all) {
  all.insert(all.begin(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
  items.clear();
}

// Rules of operators' files, put among those of the main file.
class Added {
 public:
  explicit Added(RuleDocument main) : all_(std::move(main)) {}

  void add(RuleDocument document) {
    std::move(document.problems.begin(), document.problems.end(), std::back_inserter(all_.problems));
    for (std::size_t i = 0; i < document.book.rules.size(); ++i)
      if (!replace(all_, document.book.rules[i], document.places[i]) &&
          !replace(own_, document.book.rules[i], document.places[i])) {
        settle_causes(document.book.rules[i], nullptr, document.places[i].rule, all_.book.notes);
        own_.book.rules.push_back(std::move(document.book.rules[i]));
        own_.places.push_back(std::move(document.places[i]));
      }
    std::move(document.book.forgeable.begin(), document.book.forgeable.end(),
              std::back_inserter(own_.book.forgeable));
  }
  RuleDocument finish() && {
    move_in_front(own_.book.rules, all_.book.rules);
    move_in_front(own_.places, all_.places);
    move_in_front(own_.book.forgeable, all_.book.forgeable);
    return std::move(all_);
  }

 private:
  // What an operator wrote before there was "caused_by" stays in force: what it replaces says it, else the
  // mildest holds.
  static void settle_causes(Rule& rule, const Rule* replaced, const std::string& place,
                            std::vector<std::string>& notes) {
    if (!rule.trait.caused_by.none()) return;
    if (replaced != nullptr) {
      rule.trait.caused_by = replaced->trait.caused_by;
      return;
    }
    rule.trait.caused_by.add(Cause::page);
    if (rule.evidence == Evidence::spoofable) rule.trait.caused_by.add(Cause::forger);
    if (rule.is_offence())
      notes.push_back(
          fmt::format("{}: rule \"{}\" lacks \"caused_by\": taken as \"page\", so that who has "
                      "logged in is banned for it for the first length only",
                      place, rule.name));
  }
  static bool replace(RuleDocument& among, Rule& rule, RulePlaces& places) {
    auto& rules = among.book.rules;
    const auto found =
        std::find_if(rules.begin(), rules.end(), [&](const Rule& other) { return other.name == rule.name; });
    if (found == rules.end()) return false;
    settle_causes(rule, &*found, places.rule, among.book.notes);
    among.places[static_cast<std::size_t>(found - rules.begin())] = std::move(places);
    *found = std::move(rule);
    return true;
  }

  RuleDocument all_, own_;
};

tl::expected<RuleBook, Problems> proven(RuleDocument document) {
  Problems problems = std::move(document.problems);
  if (problems.empty()) problems = prove(document.book, document.places);
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return std::move(document.book);
}

}  // namespace

tl::expected<RuleBook, Problems> parse_rules(std::string_view yaml, std::string_view file_name) {
  return proven(read_rules(yaml, file_name, RuleFileKind::main));
}

tl::expected<RuleBook, Problems> load_rules(const std::string& main_file, const std::string& directory) {
  Added added(read_document(main_file, RuleFileKind::main));
  if (!directory.empty()) {
    const Result<std::vector<std::string>> names = files_in(directory);
    if (!names) return tl::unexpected(Problems{names.error().message()});
    for (const std::string& name : *names) added.add(read_document(name, RuleFileKind::added));
  }
  return proven(std::move(added).finish());
}

}  // namespace coturn_guard
