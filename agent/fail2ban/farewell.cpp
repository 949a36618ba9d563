// SPDX-License-Identifier: GPL-3.0-or-later
#include "fail2ban/farewell.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/text.hpp"

namespace coturn_guard::fail2ban {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == '/';
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::vector<std::string> farewell(const Jail& jail, const std::string& directory, const FileSource& source) {
  std::vector<std::string> lines;
  if (!jail.enabled) return {fmt::format("The jail [{}] is switched off already.", escape(jail.name))};
  lines.push_back("To switch that jail off, once coturn-guard runs with this:");
  lines.push_back(fmt::format("  fail2ban-client stop {}", shell_word(jail.name)));
  // jail.d/*.local are read last, in the order of their names.
  const std::string file = fmt::format("{}/jail.d/{}.local", directory, jail.name);
  const auto* const enabled = jail.find("enabled");
  const bool name_is_safe = std::all_of(jail.name.begin(), jail.name.end(), is_plain) &&
                            jail.name.find('/') == std::string::npos && !jail.name.starts_with('.');
  const auto there = source.text(file);
  const bool later = enabled != nullptr && enabled->file.starts_with(directory + "/jail.d/") &&
                     enabled->file.ends_with(".local") && enabled->file >= file;
  if (name_is_safe && !later && there && !*there)
    lines.push_back(fmt::format("  printf '[{}]\\nenabled = false\\n' > {}", jail.name, shell_word(file)));
  else
    lines.push_back(fmt::format("  and write enabled = false at {}, so that it stays off",
                                enabled != nullptr && enabled->own
                                    ? enabled->place()
                                    : fmt::format("[{}] of {}", escape(jail.name), escape(file))));
  return lines;
}

}  // namespace coturn_guard::fail2ban
