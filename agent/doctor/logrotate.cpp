// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor/logrotate.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace coturn_guard::doctor {
namespace {

constexpr std::array<std::string_view, 5> kScripts{"postrotate", "prerotate", "firstaction", "lastaction",
                                                   "preremove"};

// With coturn's name beside it.
constexpr std::array<std::string_view, 6> kTellers{"kill",        "systemctl", "service",
                                                   "invoke-rc.d", "init.d",    "docker"};

std::string strip(const std::string& line) {
  const auto begin = line.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

// Blank-separated words; "…" and '…' hold blanks.
void add_words(const std::string& text, std::vector<std::string>& words) {
  std::string word;
  char quote = '\0';
  for (const char c : text + ' ') {
    if (quote != '\0') {
      if (c == quote)
        quote = '\0';
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c != ' ' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
}

template <class Settings>
void take_directive(const std::string& line, Settings& settings) {
  const auto name = line.substr(0, line.find_first_of(" \t="));
  if (name == "copytruncate") settings.copytruncate = true;
  if (name == "nocopytruncate") settings.copytruncate = false;
  if (name == "create") settings.create = true;
  if (name == "nocreate") settings.create = false;
}

bool names_coturn(std::string_view line) {
  return line.find("turn") != std::string_view::npos;
}

template <class Accepts>
bool any_line(const std::string& script, Accepts accepts) {
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);)
    if (names_coturn(line) && accepts(line)) return true;
  return false;
}

}  // namespace

bool Rotation::rotates(const std::string& log) const {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), log.c_str(), FNM_PATHNAME) == 0;
  });
}

bool Rotation::hangs_up_coturn() const {
  return any_line(script, [](const std::string& line) {
    return line.find("HUP") != std::string::npos || line.find("kill -1 ") != std::string::npos;
  });
}

bool Rotation::tells_coturn() const {
  return any_line(script, [](const std::string& line) {
    return std::any_of(kTellers.begin(), kTellers.end(),
                       [&](std::string_view word) { return line.find(word) != std::string::npos; });
  });
}

std::vector<Rotation> parse_logrotate(std::string_view text, const std::string& file,
                                      RotationDefaults& defaults) {
  std::vector<Rotation> rotations;
  std::vector<std::string> patterns;  // read, and their brace not yet
  bool inside = false, in_script = false;
  std::istringstream lines{std::string(text)};
  for (std::string raw; std::getline(lines, raw);) {
    std::string line = strip(raw);
    if (line.empty() || line[0] == '#') continue;
    if (in_script) {
      in_script = line != "endscript";
      if (in_script) rotations.back().script += line + '\n';
    } else if (inside) {
      if (line[0] == '}')
        inside = false;
      else if (std::find(kScripts.begin(), kScripts.end(), line) != kScripts.end())
        in_script = true;
      else
        take_directive(line, rotations.back());
    } else if (const auto brace = line.find('{'); brace != std::string::npos) {
      add_words(line.substr(0, brace), patterns);
      rotations.push_back({file, std::move(patterns), defaults.copytruncate, defaults.create, {}});
      patterns.clear();
      inside = true;
    } else if (line[0] == '/' || line[0] == '"' || line[0] == '\'') {
      add_words(line, patterns);
    } else {
      take_directive(line, defaults);
    }
  }
  return rotations;
}

}  // namespace coturn_guard::doctor
