// SPDX-License-Identifier: GPL-3.0-or-later
#include "report/plot.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "util/duration.hpp"
#include "util/text.hpp"

namespace coturn_guard {
namespace {

using std::chrono::seconds;

constexpr int kHeight = 1000;  // of the SVG's own scale; a column is 10 wide
constexpr int kColumn = 10;
constexpr double kLeastHeight = 8;
constexpr std::size_t kMostWords = 2000;  // of one text
constexpr std::size_t kTimeLabels = 4;

// The scale ends at a number that people count to, and so does its half; and at 4 at least.
std::uint64_t round_top(std::uint64_t highest) {
  std::uint64_t power = 1;
  while (power <= highest / 10 && power < 100'000'000'000'000'000U) power *= 10;
  for (const std::uint64_t tenths : {10U, 12U, 16U, 20U, 30U, 40U, 60U, 80U, 100U})
    if (const std::uint64_t top = power * tenths / 10; top >= highest && top % 2 == 0 && top >= 4) return top;
  return std::max<std::uint64_t>(highest, 4);
}

std::uint64_t column(const std::vector<Series>& series, std::size_t bucket) {
  std::uint64_t sum = 0;
  for (const Series& each : series) sum += each.values[bucket];
  return sum;
}

double scaled(std::uint64_t value, std::uint64_t top) {
  return static_cast<double>(kHeight) * static_cast<double>(std::min(value, top)) / static_cast<double>(top);
}

// What the mouse is shown over a column.
std::string spoken(const std::vector<Series>& series, const Axis& axis, std::size_t bucket) {
  const WallTime start = axis.from + axis.bucket * static_cast<std::int64_t>(bucket);
  std::string words = time_text(start, true, axis.bucket < std::chrono::hours(24));
  for (const Series& each : series)
    if (each.values[bucket] > 0)
      words += fmt::format("\n{}: {}", html(each.name), with_separators(each.values[bucket]));
  return words;
}

std::string shapes(const std::vector<Series>& series, const Axis& axis, std::uint64_t top,
                   unsigned first_colour) {
  std::string svg;
  for (std::size_t bucket = 0; bucket < axis.buckets; ++bucket) {
    if (column(series, bucket) == 0) continue;
    const std::size_t left = bucket * kColumn;
    double under = kHeight;
    svg += fmt::format("<g><title>{}</title>", spoken(series, axis, bucket));
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (series[i].values[bucket] == 0) continue;
      double height = scaled(series[i].values[bucket], top);
      if (series.size() == 1) height = std::max(height, kLeastHeight);  // to be seen at all
      under -= height;
      svg += fmt::format(R"(<rect class="c{}" x="{}" y="{:.1f}" width="{}" height="{:.1f}"/>)",
                         first_colour + i, left + 1, under, kColumn - 2, height);
    }
    svg += fmt::format(R"(<rect class="hover" x="{}" y="0" width="{}" height="{}"/></g>)", left, kColumn,
                       kHeight);
  }
  return svg;
}

std::string time_labels(const Axis& axis) {
  const auto span = axis.bucket * static_cast<std::int64_t>(axis.buckets);
  const bool times = span <= std::chrono::hours(10 * 24);
  const bool days = span > std::chrono::hours(24);
  std::string words = R"(<div class="times" aria-hidden="true">)";
  for (std::size_t i = 0; i <= kTimeLabels; ++i) {
    const auto at = axis.from + span * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(kTimeLabels);
    words += fmt::format("<span>{}</span>", time_text(at, days, times));
  }
  return words + "</div>";
}

}  // namespace

std::string html(std::string_view text) {
  std::string safe;
  for (const char c : escape(text, kMostWords)) {
    switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  }
  return safe;
}

std::string with_separators(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, "&#8239;");
  return text;
}

std::string short_duration(seconds duration) {
  std::string whole = to_string(duration);
  const auto is_unit = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto first = std::find_if(whole.begin(), whole.end(), is_unit);
  if (first == whole.end() || first + 1 == whole.end()) return whole;
  const auto second = std::find_if(first + 1, whole.end(), is_unit);
  return std::string(whole.begin(), first + 1) + " " +
         std::string(first + 1, second == whole.end() ? second : second + 1);
}

std::string time_text(WallTime time, bool with_day, bool with_time) {
  const std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(time));
  if (with_day && with_time) return fmt::format("{:%d %b %H:%M}", utc);
  return with_day ? fmt::format("{:%d %b}", utc) : fmt::format("{:%H:%M}", utc);
}

std::uint64_t highest(const std::vector<Series>& series) {
  std::uint64_t most = 0;
  const std::size_t buckets = series.empty() ? 0 : series.front().values.size();
  for (std::size_t bucket = 0; bucket < buckets; ++bucket) most = std::max(most, column(series, bucket));
  return most;
}

std::string stacked_columns(const std::vector<Series>& series, const Axis& axis, std::string_view what,
                            unsigned first_colour) {
  const std::uint64_t most = highest(series);
  const std::uint64_t top = round_top(std::max(axis.top, most));
  std::string words;
  for (const Series& each : series)
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", html(each.name), each.total);
  std::string plot = fmt::format(
      R"(<div class="plot"><div class="scale" aria-hidden="true"><span>{}</span><span>{}</span><span>0</span></div>)"
      R"(<svg role="img" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-label="{}: {}. The highest column is {}.">)",
      with_separators(top), with_separators(top / 2), axis.buckets * kColumn, kHeight, html(what),
      words.empty() ? "nothing" : words, most);
  for (const int y : {0, kHeight / 4, kHeight / 2, kHeight * 3 / 4})
    plot +=
        fmt::format(R"(<line class="grid" x1="0" x2="{}" y1="{}" y2="{}"/>)", axis.buckets * kColumn, y, y);
  plot += shapes(series, axis, top, first_colour);
  plot += fmt::format(R"(<line class="ground" x1="0" x2="{0}" y1="{1}" y2="{1}"/></svg>)",
                      axis.buckets * kColumn, kHeight);
  return plot + time_labels(axis) + "</div>";
}

std::string legend(const std::vector<Series>& series, unsigned first_colour) {
  std::string list = R"(<ul class="legend">)";
  for (std::size_t i = 0; i < series.size(); ++i)
    list += fmt::format(R"(<li><i class="c{}"></i>{} <b data-count="{}">{}</b></li>)", first_colour + i,
                        html(series[i].name), series[i].total, with_separators(series[i].total));
  return list + "</ul>";
}

std::string bar(std::uint64_t value, std::uint64_t most, unsigned colour) {
  const double share = most == 0 ? 0 : 100.0 * static_cast<double>(value) / static_cast<double>(most);
  return fmt::format(
      R"(<svg class="bar" aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none"><rect class="c{}" width="{:.2f}" height="10"/></svg>)",
      colour, share);
}

}  // namespace coturn_guard
