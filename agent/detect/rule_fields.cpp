// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/rule_fields.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "detect/record.hpp"
#include "util/duration.hpp"
#include "util/nearest.hpp"

namespace coturn_guard {
namespace {

constexpr std::int32_t kMaxPoints = 1000;
constexpr std::uint32_t kMaxCount = 1000;

// "0.25" -> 250. At most 3 decimals, so that it is exact.
std::optional<Points> parse_points(std::string_view text) {
  const std::size_t dot = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, dot);
  const std::string_view decimals = dot < text.size() ? text.substr(dot + 1) : std::string_view();
  const auto digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || whole.size() > 4 || !digits(whole) || decimals.size() > 3 || !digits(decimals))
    return std::nullopt;
  if (dot < text.size() && decimals.empty()) return std::nullopt;
  std::int32_t milli = 0;
  for (const char c : whole) milli = milli * 10 + (c - '0');
  for (std::size_t i = 0; i < 3; ++i) milli = milli * 10 + (i < decimals.size() ? decimals[i] - '0' : 0);
  if (milli > kMaxPoints * 1000) return std::nullopt;
  return Points{milli};
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= RuleFields::kMaxNameBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

bool RuleFields::is_map_of(const YAML::Node& node, std::string_view subject, Keys known, Keys required) {
  if (!node.IsMap()) return problem(node.Mark(), "{} must be a map of keys and values", subject), false;
  std::set<std::string, std::less<>> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string_view near = nearest(key, known);
      problem(entry.first.Mark(), "unknown key \"{}\" in {}{}", key.substr(0, kMaxNameBytes), subject,
              near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near));
    } else if (!seen.insert(key).second) {
      problem(entry.first.Mark(), "\"{}\" is given twice", key);
    }
  }
  bool complete = true;
  for (const std::string_view key : required) {
    if (seen.contains(key)) continue;
    problem(node.Mark(), "{} lacks \"{}\"", subject, key);
    complete = false;
  }
  return complete;
}

std::string RuleFields::text(const YAML::Node& node, std::string_view key) {
  if (!node.IsScalar()) return problem(node.Mark(), "\"{}\" must be a text", key), "";
  if (node.Scalar().size() > kMaxTextBytes)
    return problem(node.Mark(), "\"{}\" is longer than {} bytes", key, kMaxTextBytes), "";
  if (node.Scalar().empty()) problem(node.Mark(), "\"{}\" is empty", key);
  return node.Scalar();
}

std::string RuleFields::name(const YAML::Node& node, std::string_view key) {
  std::string name = text(node, key);
  if (!is_name(name)) problem(node.Mark(), "a rule's name has 1 to {} of a-z, 0-9 and \"-\"", kMaxNameBytes);
  return name;
}

bool RuleFields::boolean(const YAML::Node& node, std::string_view key) {
  if (node.IsScalar() && (node.Scalar() == "true" || node.Scalar() == "false"))
    return node.Scalar() == "true";
  problem(node.Mark(), "\"{}\" must be true or false", key);
  return false;
}

Points RuleFields::points(const YAML::Node& node, std::string_view key) {
  const std::optional<Points> points = node.IsScalar() ? parse_points(node.Scalar()) : std::nullopt;
  if (!points)
    problem(node.Mark(), "\"{}\" must be a number from 0 to {} with at most 3 decimals", key, kMaxPoints);
  return points.value_or(Points{});
}

std::chrono::seconds RuleFields::duration(const YAML::Node& node, std::string_view key) {
  const auto duration = parse_duration(node.IsScalar() ? node.Scalar() : "");
  if (!duration)
    problem(node.Mark(), "\"{}\": {}", key, duration.error().what);
  else if (duration->count() == 0)
    problem(node.Mark(), "\"{}\" must be longer than nothing", key);
  return duration.value_or(std::chrono::seconds(0));
}

std::uint32_t RuleFields::number(const YAML::Node& node, std::string_view key, std::uint32_t most) {
  const std::string digits = node.IsScalar() ? node.Scalar() : "";
  const bool number =
      !digits.empty() && digits.size() <= 4 && digits.find_first_not_of("0123456789") == std::string::npos;
  const unsigned long value = number ? std::stoul(digits) : 0;
  if (value < 1 || value > most) problem(node.Mark(), "\"{}\" must be 1 to {}", key, most);
  return static_cast<std::uint32_t>(value);
}
std::uint32_t RuleFields::bytes(const YAML::Node& node, std::string_view key) {
  return number(node, key, kRecordLimitBytes);
}
std::uint32_t RuleFields::count(const YAML::Node& node, std::string_view key) {
  return number(node, key, kMaxCount);
}

std::size_t RuleFields::chosen_word(const YAML::Node& node, std::string_view key, Keys words) {
  const std::string word = node.IsScalar() ? node.Scalar() : "";
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) list += i + 1 == words.size() ? " or " : ", ";
    list += words[i];
  }
  const std::string_view near = nearest(word, words);
  problem(node.Mark(), "\"{}\" must be {}{}", key, list,
          near.empty() ? "" : fmt::format(", did you mean {}?", near));
  return words.size();
}

std::vector<std::string> RuleFields::texts(const YAML::Node& node, std::string_view key,
                                           std::vector<std::string>& places) {
  std::vector<std::string> found;
  if (!node.IsSequence() || node.size() == 0)
    return problem(node.Mark(), "\"{}\" must be a list of at least one text", key), found;
  if (node.size() > kMaxEntries)
    return problem(node.Mark(), "\"{}\" has more than {} entries", key, kMaxEntries), found;
  for (const auto& entry : node) {
    found.push_back(text(entry, key));
    places.push_back(place(entry.Mark()));
  }
  return found;
}

}  // namespace coturn_guard
