// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/time_guess.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "detect/record.hpp"

namespace coturn_guard {
namespace {

constexpr std::size_t kMostLines = 40;
constexpr std::size_t kFewestLines = 2;
constexpr std::size_t kLongestName = 128;

constexpr std::array kDates{"%d/%b/%Y", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y",   "%d.%m.%y", "%d-%m-%Y",
                            "%d-%b-%Y", "%m/%d/%Y", "%b %d %Y", "%b %e %Y",   "%b %d",    "%b %e",
                            "%d %b %Y", "%d %B %Y", "%a %b %d", "%a %b %e",   "%a %d %b", "%Y-%m-%d",
                            "%Y%m%d",   "%y%m%d",   "%j",       "%A %d %B %Y"};
constexpr std::array kBetween{" ", "T", ":", "_", "-", ", ", ""};
constexpr std::array kTimes{"%H:%M:%S", "%H:%M", "%H%M%S", "%I:%M:%S %p", "%H.%M.%S", "%H-%M-%S"};
constexpr std::array kZones{"", " %z", "%z", " %Z", "Z", " %Y"};
constexpr std::array<std::pair<const char*, const char*>, 4> kAround{
    {{"", ""}, {"[", "]"}, {"(", ")"}, {"", " "}}};

std::vector<std::string> candidates() {
  std::vector<std::string> made;
  const auto add = [&](const std::string& inside) {
    for (const auto& [before, after] : kAround) made.push_back(before + inside + after);
  };
  for (const char* const date : kDates)
    for (const char* const between : kBetween)
      for (const char* const time : kTimes)
        for (const char* const zone : kZones) add(std::string(date) + between + time + zone);
  for (const char* const time : kTimes) add(time);
  for (const char* const alone : {"%s", "%c", "%D %T", "%T %D"}) add(alone);
  return made;
}

std::vector<std::string_view> first_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (lines.size() < kMostLines) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // the last may be cut
    if (end != 0) lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

// Coturn's own lines are told by what follows the time, and by a session or a word that they begin with.
bool is_coturns(const std::optional<Record>& record) {
  return record && record->format.time_form == TimeForm::custom && !record->message.empty() &&
         (!record->session.empty() || (record->message.front() >= 'A' && record->message.front() <= 'z'));
}

}  // namespace

std::vector<std::string> guess_compose_names(std::string_view text) {
  struct Seen {
    std::size_t records = 0, all = 0;
  };
  std::map<std::string, Seen, std::less<>> names;
  for (const std::string_view line : first_lines(text)) {
    const std::size_t bar = line.find('|');
    const std::size_t end = line.find_last_not_of(' ', bar == 0 ? bar : bar - 1);
    if (bar == std::string_view::npos || end == std::string_view::npos) continue;
    const std::string name(line.substr(0, end + 1));
    if (name.size() > kLongestName || name.find(' ') != std::string::npos) continue;
    const auto record = parse_record(line, {}, {&name, 1});
    if (record && record->tag != name) continue;
    if (record && parse_record(line, {})) return {};
    Seen& seen = names[name];
    if (record) ++seen.records;
    ++seen.all;
  }
  std::vector<std::string> found;
  for (const auto& [name, seen] : names)
    if (seen.records * 2 > seen.all) found.push_back(name);
  return found;
}

std::string guess_time_format(std::string_view text) {
  const std::vector<std::string_view> lines = first_lines(text);
  for (const std::string_view line : lines)
    if (parse_record(line, {})) return {};
  std::string best;
  std::size_t most = kFewestLines - 1;
  for (const std::string& candidate : candidates()) {
    const auto format = TimeFormat::compile(candidate);
    if (!format) continue;
    std::size_t hits = 0;
    for (const std::string_view line : lines)
      if (is_coturns(parse_record(line, *format))) ++hits;
    if (hits > most) {
      most = hits;
      best = candidate;
    }
  }
  return best;
}

}  // namespace coturn_guard
