// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/stamp.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <string>

#include "detect/cursor.hpp"

namespace coturn_guard {
namespace {

using namespace std::chrono;

bool is_letter_of_any(char c) {
  return is_letter(c) || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

std::optional<int> take_number(Cursor& cursor, std::size_t most) {
  const char* const from = cursor.position();
  int value = 0;
  if (cursor.take_digits(most) == 0) return std::nullopt;
  std::from_chars(from, cursor.position(), value);
  return value;
}

// "12:15:06", and ".458142" or ",458"
std::optional<milliseconds> take_clock(Cursor& cursor) {
  Cursor ahead = cursor;
  if (!ahead.take_shape("00:00:00")) return std::nullopt;
  const auto hour = take_number(cursor, 2);
  cursor.skip(1);
  const auto minute = take_number(cursor, 2);
  cursor.skip(1);
  const auto second = take_number(cursor, 2);
  milliseconds clock = hours(*hour) + minutes(*minute) + seconds(*second);
  if (!cursor.take('.') && !cursor.take(',')) return clock;
  const char* digit = cursor.position();
  cursor.take_digits(9);
  for (int unit = 100; unit != 0 && digit != cursor.position(); unit /= 10, ++digit)
    clock += milliseconds(unit * (*digit - '0'));
  return clock;
}

// "Z", "+01:00", "+0100", " +01", " UTC"; of other names ("CEST") nobody knows whose they are.
std::optional<int> take_zone(Cursor& cursor) {
  if (cursor.take('Z')) return 0;
  cursor.take(' ');
  if (cursor.take("UTC") || cursor.take("GMT")) return 0;
  const bool behind = cursor.take('-');
  if (!behind && !cursor.take('+')) return std::nullopt;
  const auto hour = take_number(cursor, 2);
  cursor.take(':');
  const int minutes = hour.value_or(0) * 60 + take_number(cursor, 2).value_or(0);
  return behind ? -minutes : minutes;
}

// "2023-11-27T10:20:08.458142+01:00", with a blank or a line instead of the T
std::optional<CivilTime> read_iso(Cursor cursor) {
  Cursor ahead = cursor;
  if (!ahead.take_shape("0000-00-00")) return std::nullopt;
  CivilTime civil;
  civil.year = take_number(cursor, 4);
  cursor.skip(1);
  civil.month = *take_number(cursor, 2);
  cursor.skip(1);
  civil.day = *take_number(cursor, 2);
  if (civil.month == 0) return std::nullopt;  // which means that there is none
  if (!cursor.take('T') && !cursor.take(' ') && !cursor.take('_')) return std::nullopt;
  const auto clock = take_clock(cursor);
  if (!clock) return std::nullopt;
  civil.of_day = *clock;
  civil.zone_minutes = take_zone(cursor);
  return civil;
}

int month_named(std::string_view name) {
  constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                     "jul", "aug", "sep", "oct", "nov", "dec"};
  std::string lower(name.substr(0, 3));
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (std::size_t month = 0; month < kMonths.size(); ++month)
    if (kMonths[month] == lower) return static_cast<int>(month) + 1;
  return 0;
}

// "Nov 22 12:15:06", "oct. 23 22:14:15.003", "Oct 11 2023 22:14:15", "10月  3 22:14:15", "Oct 11 22:14:15
// 2023"
std::optional<CivilTime> read_classic(Cursor cursor) {
  CivilTime civil;
  const auto number = take_number(cursor, 2);
  const char* const from = cursor.position();
  const std::size_t letters = cursor.take_while(is_letter_of_any, 16);
  civil.month = number ? *number : month_named({from, letters});
  cursor.take('.');
  if (civil.month == 0 || letters < 2 || !cursor.take(' ')) return std::nullopt;
  cursor.take(' ');
  const auto day = take_number(cursor, 2);
  if (!day || !cursor.take(' ')) return std::nullopt;
  civil.day = *day;
  if (Cursor ahead = cursor; ahead.take_shape("0000 ")) {
    civil.year = take_number(cursor, 4);
    cursor.skip(1);
  }
  const auto clock = take_clock(cursor);
  if (!clock) return std::nullopt;
  civil.of_day = *clock;
  if (Cursor ahead = cursor; ahead.take_shape(" 0000")) {
    cursor.skip(1);
    civil.year = take_number(cursor, 4);
  }
  return civil;
}

CivilTime civil_of(sys_time<milliseconds> moment) {
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  return {.year = int{date.year()},
          .month = static_cast<int>(unsigned{date.month()}),
          .day = static_cast<int>(unsigned{date.day()}),
          .of_day = moment - day,
          .zone_minutes = 0};
}

// "1661237440.123456"
std::optional<CivilTime> read_epoch(Cursor cursor) {
  const char* const from = cursor.position();
  std::int64_t second = 0;
  if (cursor.take_digits(10) != 10) return std::nullopt;
  std::from_chars(from, cursor.position(), second);
  if (!cursor.take('.')) return std::nullopt;
  const char* digit = cursor.position();
  cursor.take_digits(9);
  milliseconds moment = seconds(second);
  for (int unit = 100; unit != 0 && digit != cursor.position(); unit /= 10, ++digit)
    moment += milliseconds(unit * (*digit - '0'));
  return civil_of(sys_time<milliseconds>(moment));
}

// "@400000006523a1b51e2d3c4b": TAI64N of multilog and svlogd, which take TAI to be ten seconds ahead.
std::optional<CivilTime> read_tai(std::string_view text) {
  constexpr std::uint64_t k1970 = (std::uint64_t{1} << 62) + 10;
  constexpr std::uint64_t kLatest = 4'102'444'800;  // the year 2100
  constexpr std::size_t kSeconds = 17, kWhole = 25;
  if (text.size() < kSeconds) return std::nullopt;
  std::uint64_t second = 0;
  std::uint32_t nano = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + kSeconds, second, 16);
  if (error != std::errc() || end != text.data() + kSeconds) return std::nullopt;
  if (second < k1970 || second - k1970 > kLatest) return std::nullopt;
  if (text.size() >= kWhole) std::from_chars(end, text.data() + kWhole, nano, 16);
  constexpr std::uint32_t kNanoInMilli = 1'000'000, kMilliInSecond = 1000;
  return civil_of(sys_time<milliseconds>(seconds(static_cast<std::int64_t>(second - k1970)) +
                                         milliseconds(nano / kNanoInMilli % kMilliInSecond)));
}

}  // namespace

std::optional<CivilTime> read_stamp(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.front() == '@') return read_tai(text);
  Cursor cursor(text);
  if (auto civil = read_iso(cursor)) return civil;
  if (auto civil = read_classic(cursor)) return civil;
  if (auto civil = read_epoch(cursor)) return civil;
  // A day of the week before it
  if (cursor.take_while(is_letter_of_any, 12) < 2) return std::nullopt;
  cursor.take('.');
  if (!cursor.take(' ')) return std::nullopt;
  if (auto civil = read_iso(cursor)) return civil;
  return read_classic(cursor);
}

}  // namespace coturn_guard
