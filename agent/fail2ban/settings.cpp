// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fail2ban/words.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

constexpr std::string_view kKnown = "KNOWN/";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// "Init?family=inet6" -> its name and what is added to each of its options (configparserinc.py,
// CONDITIONAL_RE).
std::pair<std::string, std::string> conditional(const std::string& section) {
  const auto end = std::find_if_not(section.begin(), section.end(), is_word);
  if (end == section.begin() || end == section.end() || *end != '?' || end + 1 == section.end())
    return {section, ""};
  return {std::string(section.begin(), end), std::string(end, section.end())};
}

}  // namespace

struct Settings::Expansion {
  std::string_view section, option;
  Notes& notes;
  std::string text;
  std::size_t references = 0;
};

std::string Setting::place(std::size_t n) const {
  return lines.empty() ? file : fmt::format("{}:{}", escape(file), lines[std::min(n, lines.size() - 1)]);
}

void Settings::merge(const std::string& path, const IniFile& ini) {
  const auto at = std::find(files_.begin(), files_.end(), path);
  const auto file = static_cast<std::uint32_t>(at - files_.begin());
  if (at == files_.end()) files_.push_back(path);
  const auto take = [&](const IniOption& option) { return Raw{option.value, file, option.lines}; };
  for (const IniOption& option : ini.defaults.options) defaults_.insert_or_assign(option.name, take(option));
  for (const IniSection& section : ini.sections) {
    const auto [name, condition] = conditional(section.name);
    const bool fresh = !sections_.contains(name);
    Options& options = sections_[name];
    if (fresh) order_.push_back(name);
    Options& known = sections_[std::string(kKnown) + name];
    for (const IniOption& option : section.options) {
      const std::string key = option.name + condition;
      if (const auto before = options.find(key); before != options.end())
        known.insert_or_assign(key, before->second);
    }
    for (const IniOption& option : section.options)
      options.insert_or_assign(option.name + condition, take(option));
  }
}

void Settings::set_default(const std::string& option, const std::string& value) {
  Notes none;
  files_.push_back("fail2ban itself");
  defaults_.insert_or_assign(option, Raw{value, static_cast<std::uint32_t>(files_.size() - 1), {}});
}

void Settings::set(const std::string& section, const Setting& setting, const std::string& option) {
  files_.push_back(setting.file);
  sections_[section].insert_or_assign(
      option, Raw{setting.value, static_cast<std::uint32_t>(files_.size() - 1), setting.lines});
}

std::vector<std::string> Settings::sections() const {
  std::vector<std::string> names;
  std::copy_if(order_.begin(), order_.end(), std::back_inserter(names),
               [](const std::string& name) { return name != "INCLUDES" && !name.starts_with(kKnown); });
  return names;
}

std::vector<std::string> Settings::own_options(std::string_view section) const {
  std::vector<std::string> names;
  if (const auto at = sections_.find(section); at != sections_.end())
    for (const auto& [name, raw] : at->second) names.push_back(name);
  return names;
}

const Settings::Raw* Settings::find(std::string_view section, std::string_view option) const {
  const auto at = sections_.find(section);
  if (at == sections_.end()) return nullptr;
  if (const auto own = at->second.find(option); own != at->second.end()) return &own->second;
  const auto fallback = defaults_.find(option);
  return fallback == defaults_.end() ? nullptr : &fallback->second;
}

Setting Settings::setting_of(const Raw& raw) const {
  return {raw.value, files_[raw.file], raw.lines, false};
}

std::optional<Setting> Settings::raw(std::string_view section, std::string_view option) const {
  const Raw* const found = find(section, option);
  if (found == nullptr) return std::nullopt;
  Setting setting = setting_of(*found);
  setting.own = sections_.find(section)->second.contains(option);
  return setting;
}

std::optional<Setting> Settings::get(std::string_view section, std::string_view option, Notes& notes) const {
  auto setting = raw(section, option);
  if (!setting) return std::nullopt;
  Expansion expansion{section, option, notes, {}};
  if (!expand(expansion, *find(section, option), {}, 1)) return std::nullopt;
  setting->value = std::move(expansion.text);
  return setting;
}

// %(section/option)s: what it means is entered under its full name. A section that does not exist leaves no
// entry; an option that it lacks is [DEFAULT]'s.
void Settings::map_sections(std::string_view section, std::string_view text, Extra& extra) const {
  for (std::size_t at = text.find("%("); at != std::string_view::npos; at = text.find("%(", at + 1)) {
    const auto begin = at + 2;
    const auto slash = text.find('/', begin);
    const auto end = slash == std::string_view::npos ? slash : text.find(')', slash);
    if (end == std::string_view::npos) return;
    const auto name = text.substr(begin, slash - begin);
    const auto option = text.substr(slash + 1, end - slash - 1);
    if (name.empty() || option.empty() || text.substr(end + 1, 1) != "s" ||
        !std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '-'; }))
      continue;
    const auto full = text.substr(begin, end - begin);
    if (extra.contains(full) || find(section, full) != nullptr) continue;
    const Raw* meant = nullptr;
    const bool is_known = lower(name) == "known";
    if (lower(name) != "default") {
      const auto other =
          is_known ? sections_.find(std::string(kKnown) + std::string(section)) : sections_.find(name);
      if (other == sections_.end() && !is_known) continue;
      if (other != sections_.end())
        if (const auto own = other->second.find(option); own != other->second.end()) meant = &own->second;
    }
    if (meant == nullptr)
      if (const auto fallback = defaults_.find(option); fallback != defaults_.end())
        meant = &fallback->second;
    if (meant != nullptr) extra.emplace(full, meant);
  }
}

bool Settings::expand(Expansion& expansion, const Raw& raw, Extra extra, unsigned depth) const {
  const auto wrong = [&](std::size_t at, const std::string& what) {
    const auto line = static_cast<std::size_t>(
        std::count(raw.value.begin(), raw.value.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    auto problem = fmt::format("{}: {} (asked for \"{}\" of [{}])", setting_of(raw).place(line), what,
                               escape(expansion.option), escape(expansion.section));
    auto& errors = expansion.notes.errors;
    if (std::find(errors.begin(), errors.end(), problem) == errors.end() && errors.size() < kMostIniProblems)
      errors.push_back(std::move(problem));
    return false;
  };
  if (depth > kMostNesting)
    return wrong(
        0, fmt::format("references lead on for more than {} steps; probably in a circle", kMostNesting));
  const Raw name{std::string(expansion.section), raw.file, raw.lines};
  map_sections(expansion.section, raw.value, extra);
  const std::string_view text = raw.value;
  for (std::size_t at = 0; at < text.size();) {
    const auto percent = std::min(text.find('%', at), text.size());
    expansion.text += text.substr(at, percent - at);
    if (expansion.text.size() > kMostExpandedBytes)
      return wrong(at, fmt::format("the value grows over {} bytes", kMostExpandedBytes));
    if (percent == text.size()) break;
    const auto next = text.substr(percent + 1, 1);
    if (next == "%") {
      expansion.text += '%';
      at = percent + 2;
      continue;
    }
    const auto end = next == "(" ? text.find(')', percent) : std::string_view::npos;
    if (end == std::string_view::npos || end == percent + 2 || text.substr(end + 1, 1) != "s")
      return wrong(percent, fmt::format("\"{}\" is no reference like %(name)s; a percent sign itself is %%",
                                        escape(text.substr(percent, 24))));
    const std::string variable = lower(text.substr(percent + 2, end - percent - 2));
    at = end + 2;
    if (++expansion.references > kMostReferences)
      return wrong(percent, fmt::format("more than {} references in one value", kMostReferences));
    const auto mapped = extra.find(variable);
    const Raw* const meant = variable == "__name__"  ? &name
                             : mapped != extra.end() ? mapped->second
                                                     : find(expansion.section, variable);
    if (meant == nullptr)
      return wrong(percent, fmt::format("\"%({})s\" names an option that neither [{}] nor [DEFAULT] has; "
                                        "fail2ban does not start with it",
                                        escape(variable), escape(expansion.section)));
    if (meant->value.find('%') == std::string::npos)
      expansion.text += meant->value;
    else if (!expand(expansion, *meant, extra, depth + 1))
      return false;
  }
  return true;
}

}  // namespace coturn_guard::fail2ban
