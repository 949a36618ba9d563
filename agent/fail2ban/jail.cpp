// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/jail.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "fail2ban/words.hpp"
#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

// What fail2ban itself reads of a jail (client/jailreader.py, filterreader.py).
constexpr std::array<std::string_view, 28> kRead{"enabled",
                                                 "backend",
                                                 "filter",
                                                 "maxretry",
                                                 "maxmatches",
                                                 "findtime",
                                                 "bantime",
                                                 "bantime.increment",
                                                 "bantime.factor",
                                                 "bantime.formula",
                                                 "bantime.multipliers",
                                                 "bantime.maxtime",
                                                 "bantime.rndtime",
                                                 "bantime.overalljails",
                                                 "ignorecommand",
                                                 "ignoreself",
                                                 "ignoreip",
                                                 "ignorecache",
                                                 "logtimezone",
                                                 "logencoding",
                                                 "logpath",
                                                 "action",
                                                 "usedns",
                                                 "failregex",
                                                 "ignoreregex",
                                                 "journalmatch",
                                                 "datepattern",
                                                 "maxlines"};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool names_turn_port(std::string_view ports) {
  static constexpr std::array<std::string_view, 6> kPorts{"3478", "5349", "turn", "turns", "stun", "stuns"};
  for (const std::string_view word : split_words(ports, " ,:\n"))
    for (const std::string_view port : kPorts)
      if (word == port) return true;
  return false;
}

std::string why_coturn(const Settings& jails, const std::string& name) {
  if (names_turn(name)) return "its name";
  Notes untold;  // what is wrong with other jails is not our business
  for (const std::string_view option : {"filter", "logpath", "journalmatch", "port"}) {
    const auto setting = jails.get(name, option, untold);
    if (!setting || !setting->own) continue;
    if (option == "port" ? names_turn_port(setting->value) : names_turn(setting->value))
      return fmt::format("its {}, {}", option, escape(setting->value, 64));
  }
  return "";
}

// What the filter's own file says is known/… to the jail. Its <tags> stay as they are.
void know_filter(Settings& jails, const Setting& filter, const std::string& jail,
                 const std::string& directory, const FileSource& source, Notes& notes) {
  const auto name = strip(std::string_view(filter.value).substr(0, filter.value.find('[')));
  if (name.empty()) return;
  Notes of_filter;
  const Settings settings = read_settings(directory, "filter.d/" + std::string(name), source, of_filter);
  for (const std::string_view section : {"Definition", "Init"})
    for (const std::string& option : settings.own_options(section))
      if (const auto setting = settings.get(section, option, of_filter))
        jails.set(jail, *setting, "known/" + option);
  for (const Problems* problems : {&of_filter.errors, &of_filter.warnings})
    notes.warnings.insert(notes.warnings.end(), problems->begin(), problems->end());
  if (!of_filter.errors.empty())
    notes.warnings.push_back(fmt::format("{}: with such a filter fail2ban leaves the jail [{}] out",
                                         filter.place(), escape(jail)));
}

}  // namespace

const Setting* Jail::find(std::string_view option) const {
  const auto at = settings.find(option);
  return at == settings.end() ? nullptr : &at->second;
}

Settings read_settings(const std::string& directory, const std::string& name, const FileSource& source,
                       Notes& notes) {
  const FileOrder read = read_in_order(directory, name, source, notes);
  Settings settings;
  for (const std::string& path : read.order) settings.merge(path, read.files.at(path));
  return settings;
}

bool is_yes(std::string_view value) {
  const std::string word = lower(value);
  return word == "1" || word == "on" || word == "true" || word == "yes";
}

bool names_turn(std::string_view text) {
  const std::string in = lower(text);
  for (std::size_t at = in.find("turn"); at != std::string::npos; at = in.find("turn", at + 1)) {
    const std::string_view before = std::string_view(in).substr(0, at);
    std::string_view after = std::string_view(in).substr(at + 4);
    if (after.starts_with("server"))
      after.remove_prefix(6);
    else if (after.starts_with('s'))
      after.remove_prefix(1);
    const bool begins = before.empty() || !is_letter(before.back()) || before.ends_with("co");
    if (begins && (after.empty() || !is_letter(after.front()))) return true;
  }
  return false;
}

std::vector<Candidate> coturn_jails(const Settings& jails) {
  std::vector<Candidate> found;
  Notes untold;
  for (const std::string& name : jails.sections()) {
    std::string why = why_coturn(jails, name);
    if (why.empty()) continue;
    const auto enabled = jails.get(name, "enabled", untold);
    found.push_back({name, enabled && is_yes(enabled->value), std::move(why)});
  }
  return found;
}

Jail read_jail(Settings& jails, const std::string& name, const std::string& directory,
               const FileSource& source, Notes& notes) {
  // What is always there for references, in either version's words (client/jailreader.py).
  jails.set_default("fail2ban_version", "unknown");
  jails.set_default("fail2ban_confpath", directory);
  Jail jail{name, false, {}};
  if (const auto enabled = jails.get(name, "enabled", notes)) jail.enabled = is_yes(enabled->value);
  if (const auto filter = jails.get(name, "filter", notes))
    know_filter(jails, *filter, name, directory, source, notes);
  for (const std::string_view option : kRead)
    if (auto setting = jails.get(name, option, notes))
      jail.settings.insert_or_assign(std::string(option), std::move(*setting));
  // The others are read by nobody unless an action or a filter asks: a broken reference in them does no harm.
  Notes untold;
  auto others = jails.own_options(name);
  std::erase_if(others, [](const std::string& option) { return option.starts_with("known/"); });
  others.insert(others.end(), {"port", "protocol", "banaction", "known/journalmatch"});
  for (const std::string& option : others)
    if (!jail.settings.contains(option))
      if (auto setting = jails.get(name, option, untold))
        jail.settings.insert_or_assign(option, std::move(*setting));
  return jail;
}

}  // namespace coturn_guard::fail2ban
