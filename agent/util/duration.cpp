// SPDX-License-Identifier: GPL-3.0-or-later
#include "util/duration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace coturn_guard {
namespace {

using std::chrono::seconds;

struct Unit {
  std::string_view name;
  seconds::rep length;
};

constexpr std::array kUnits{
    Unit{"s", 1},         Unit{"sec", 1},     Unit{"secs", 1},     Unit{"second", 1},  Unit{"seconds", 1},
    Unit{"m", 60},        Unit{"min", 60},    Unit{"mins", 60},    Unit{"minute", 60}, Unit{"minutes", 60},
    Unit{"h", 3600},      Unit{"hr", 3600},   Unit{"hrs", 3600},   Unit{"hour", 3600}, Unit{"hours", 3600},
    Unit{"d", 86400},     Unit{"day", 86400}, Unit{"days", 86400}, Unit{"w", 604800},  Unit{"week", 604800},
    Unit{"weeks", 604800}};

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <class... Args>
tl::unexpected<DurationProblem> wrong(std::size_t position, fmt::format_string<Args...> what,
                                      Args&&... args) {
  return tl::unexpected<DurationProblem>({position, fmt::format(what, std::forward<Args>(args)...)});
}

seconds::rep length_of(std::string_view unit) {
  for (const Unit& known : kUnits)
    if (known.name == unit) return known.length;
  return 0;
}

}  // namespace

tl::expected<seconds, DurationProblem> parse_duration(std::string_view text) {
  constexpr seconds::rep kMost = kLongestDuration.count();
  std::size_t at = 0;
  seconds::rep total = 0;
  const auto skip = [&](auto&& wanted) {
    const std::size_t begin = at;
    while (at < text.size() && wanted(text[at])) ++at;
    return text.substr(begin, at - begin);
  };
  skip(is_blank);
  if (at == text.size()) return wrong(at, "a time span is missing, for example 90s, 1h30m or 5w");
  while (at < text.size()) {
    const std::size_t begin = at;
    const std::string_view digits = skip(is_digit);
    if (digits.empty()) return wrong(at, "a digit must stand here, as in 90s, 1h30m or 5w");
    seconds::rep number = 0;
    for (const char digit : digits) {
      number = number * 10 + (digit - '0');
      if (number > kMost) return wrong(begin, "longer than {}", to_string(kLongestDuration));
    }
    if (at < text.size() && (text[at] == '.' || text[at] == ','))
      return wrong(at, "no fractions: write 1h30m instead of 1.5h");
    skip(is_blank);
    const std::size_t unit_at = at;
    const std::string_view unit = skip(is_letter);
    if (unit.empty())
      return wrong(at, "{} has no unit: write {}s, {}m or {}h", digits, digits, digits, digits);
    const seconds::rep length = length_of(unit);
    if (length == 0) return wrong(unit_at, "unknown unit: use s, m, h, d or w");
    if (number > (kMost - total) / length) return wrong(begin, "longer than {}", to_string(kLongestDuration));
    total += number * length;
    skip(is_blank);
  }
  return seconds(total);
}

std::string to_string(seconds duration) {
  seconds::rep rest = std::max<seconds::rep>(duration.count(), 0);
  std::string text;
  for (const auto& [name, length] :
       {Unit{"w", 604800}, Unit{"d", 86400}, Unit{"h", 3600}, Unit{"m", 60}, Unit{"s", 1}}) {
    if (rest >= length) text += fmt::format("{}{}", rest / length, name);
    rest %= length;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace coturn_guard
