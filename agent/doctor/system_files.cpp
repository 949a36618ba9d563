// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/system_files.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

namespace coturn_guard::doctor {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view strip(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

unsigned number(std::string_view digits) {
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// "key = value"; empty key where the line is none.
struct Pair {
  std::string_view key, value;
};
Pair pair_of(std::string_view line) {
  const auto sign = line.find('=');
  if (sign == std::string_view::npos) return {};
  return {strip(line.substr(0, sign)), strip(line.substr(sign + 1))};
}

bool is_yes(std::string_view word) {
  return word == "true" || word == "True" || word == "yes" || word == "on" || word == "1";
}

std::optional<gid_t> group_id(std::string_view group, std::string_view name) {
  for (const auto line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 3 && fields[0] == name) return number(fields[2]);
  }
  return std::nullopt;
}

}  // namespace

std::optional<CoturnVersion> packaged_version(std::string_view dpkg_status) {
  bool ours = false, installed = false;
  for (const auto line : split(dpkg_status, '\n')) {
    if (line.empty()) ours = installed = false;
    if (line == "Package: coturn") ours = true;
    if (ours && line == "Status: install ok installed") installed = true;
    constexpr std::string_view kVersion = "Version: ";
    if (!installed || !line.starts_with(kVersion)) continue;
    auto version = line.substr(kVersion.size());
    if (const auto epoch = version.find(':'); epoch != std::string_view::npos)
      version.remove_prefix(epoch + 1);
    return CoturnVersion::parse(version);
  }
  return std::nullopt;
}

void read_jails(std::string_view text, const std::string& file, std::map<std::string, Jail>& jails) {
  std::string section;
  for (const auto raw : split(text, '\n')) {
    const auto line = strip(raw);
    if (line.starts_with('[') && line.ends_with(']')) section = line.substr(1, line.size() - 2);
    const auto [key, value] = pair_of(line);
    if (key != "enabled" || section.find("turn") == std::string::npos) continue;
    jails[section] = {is_yes(value), file};
  }
}

std::optional<std::size_t> line_naming_us(std::string_view rules) {
  std::size_t number = 0;
  for (const auto raw : split(rules, '\n')) {
    ++number;
    const auto line = strip(raw);
    if (!line.starts_with('#') && line.find("coturn-guard") != std::string_view::npos) return number;
  }
  return std::nullopt;
}

std::optional<User> user_of(std::string_view passwd, std::string_view group, const std::string& name) {
  std::optional<User> user;
  for (const auto line : split(passwd, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() >= 4 && fields[0] == name) user = User{name, number(fields[2]), {number(fields[3])}};
  }
  if (!user) return user;
  for (const auto line : split(group, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) continue;
    const auto members = split(fields[3], ',');
    if (std::find(members.begin(), members.end(), name) != members.end())
      user->groups.push_back(number(fields[2]));
  }
  return user;
}

void add_unit_groups(std::string_view unit, std::string_view group, User& user) {
  for (const auto line : split(unit, '\n')) {
    const auto [key, value] = pair_of(strip(line));
    if (key != "SupplementaryGroups") continue;
    for (const auto name : split(value, ' '))
      if (const auto id = group_id(group, name)) user.groups.push_back(*id);
  }
}

}  // namespace coturn_guard::doctor
