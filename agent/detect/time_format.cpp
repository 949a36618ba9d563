// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/time_format.hpp"

#include <array>

namespace coturn_guard {

enum class TimeFormat::Kind : std::uint8_t {
  literal,
  year,
  short_year,
  month,
  day,
  hour,
  hour_of_12,
  minute,
  second,
  millisecond,
  day_of_year,
  other_2_digits,  // week numbers, century: matched, not understood
  other_digit,
  month_name,
  weekday_name,
  am_pm,
  zone_offset,
  zone_name,
  epoch,
};

struct TimeFormat::Fields {
  std::optional<int> year, month, day, hour, minute, second, day_of_year;
  std::optional<std::int64_t> epoch;
  int millisecond = 0;
  std::optional<int> offset_minutes;
  bool afternoon = false;
  bool twelve_hours = false;
};

namespace {

constexpr std::array<std::string_view, 12> kMonths{"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                    "Thursday", "Friday", "Saturday"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Exactly `digits` of them, the first may be a blank where strftime pads with one (%e, %k, %l).
std::size_t number(std::string_view text, std::size_t digits, std::optional<int>& value) {
  if (text.size() < digits) return 0;
  int sum = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const bool padding = i == 0 && digits == 2 && text[0] == ' ';
    if (!padding && !is_digit(text[i])) return 0;
    sum = sum * 10 + (padding ? 0 : text[i] - '0');
  }
  value = sum;
  return digits;
}

// The full name or its first three letters.
template <std::size_t N>
std::size_t name(std::string_view text, const std::array<std::string_view, N>& names,
                 std::optional<int>& index) {
  for (std::size_t i = 0; i < N; ++i) {
    for (const std::string_view candidate : {names[i], names[i].substr(0, 3)}) {
      if (!text.starts_with(candidate)) continue;
      index = static_cast<int>(i);
      return candidate.size();
    }
  }
  return 0;
}

// "+0100", and "+01:00" as glibc's %:z has it
std::size_t zone(std::string_view text, std::optional<int>& minutes) {
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return 0;
  std::optional<int> hour;
  std::optional<int> minute;
  if (number(text.substr(1), 2, hour) == 0) return 0;
  const std::size_t colon = text.size() > 3 && text[3] == ':' ? 1 : 0;
  if (number(text.substr(3 + colon), 2, minute) == 0) return 0;
  minutes = (*hour * 60 + *minute) * (text[0] == '-' ? -1 : 1);
  return 5 + colon;
}

std::size_t run(std::string_view text, bool (*accepts)(char), std::size_t longest) {
  std::size_t size = 0;
  while (size < text.size() && size < longest && accepts(text[size])) ++size;
  return size;
}

}  // namespace

Result<TimeFormat> TimeFormat::compile(std::string_view strftime_text) {
  if (strftime_text.size() > kMaxBytes)
    return fail("time format is {} bytes long, coturn cuts it at {}", strftime_text.size(), kMaxBytes);
  TimeFormat format;
  return format.append(strftime_text).map([&] { return std::move(format); });
}

Result<> TimeFormat::append(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\0') return fail("time format holds a line end");
    if (c != '%') {
      items_.push_back({Kind::literal, c});
      continue;
    }
    // glibc's flags for padding and case, and the E and O modifiers, do not change what we accept
    do ++i;
    while (i < text.size() && std::string_view("_-0^#EO:").find(text[i]) != std::string_view::npos);
    if (i >= text.size()) return fail("time format ends in an unfinished conversion");
    const auto also = [this](std::string_view longer) { return append(longer); };
    Result<> expanded;
    switch (text[i]) {
      case 'Y':
      case 'G': items_.push_back({Kind::year}); break;
      case 'y':
      case 'g': items_.push_back({Kind::short_year}); break;
      case 'm': items_.push_back({Kind::month}); break;
      case 'd':
      case 'e': items_.push_back({Kind::day}); break;
      case 'H':
      case 'k': items_.push_back({Kind::hour}); break;
      case 'I':
      case 'l': items_.push_back({Kind::hour_of_12}); break;
      case 'M': items_.push_back({Kind::minute}); break;
      case 'S': items_.push_back({Kind::second}); break;
      case 'f': items_.push_back({Kind::millisecond}); break;  // coturn's own, 4.17
      case 'j': items_.push_back({Kind::day_of_year}); break;
      case 'C':
      case 'U':
      case 'V':
      case 'W': items_.push_back({Kind::other_2_digits}); break;
      case 'u':
      case 'w': items_.push_back({Kind::other_digit}); break;
      case 'b':
      case 'B':
      case 'h': items_.push_back({Kind::month_name}); break;
      case 'a':
      case 'A': items_.push_back({Kind::weekday_name}); break;
      case 'p':
      case 'P': items_.push_back({Kind::am_pm}); break;
      case 'z': items_.push_back({Kind::zone_offset}); break;
      case 'Z': items_.push_back({Kind::zone_name}); break;
      case 's': items_.push_back({Kind::epoch}); break;
      case 't': items_.push_back({Kind::literal, '\t'}); break;
      case '%': items_.push_back({Kind::literal, '%'}); break;
      case 'T':
      case 'X': expanded = also("%H:%M:%S"); break;
      case 'R': expanded = also("%H:%M"); break;
      case 'F': expanded = also("%Y-%m-%d"); break;
      case 'D':
      case 'x': expanded = also("%m/%d/%y"); break;
      case 'r': expanded = also("%I:%M:%S %p"); break;
      case 'c': expanded = also("%a %b %e %H:%M:%S %Y"); break;
      default: return fail("time format: unknown conversion %{}", text[i]);
    }
    if (!expanded) return expanded;
  }
  return {};
}

std::size_t TimeFormat::scan(std::string_view text, Fields* fields) const {
  Fields ignored;
  Fields& f = fields != nullptr ? *fields : ignored;
  std::optional<int> skipped;
  std::size_t at = 0;
  for (const Item& item : items_) {
    const std::string_view rest = text.substr(at);
    std::size_t size = 0;
    switch (item.kind) {
      case Kind::literal: size = !rest.empty() && rest[0] == item.literal ? 1 : 0; break;
      case Kind::year: size = number(rest, 4, f.year); break;
      case Kind::short_year:
        size = number(rest, 2, f.year);
        if (size != 0) *f.year += *f.year < 69 ? 2000 : 1900;  // POSIX strptime's reading of %y
        break;
      case Kind::month: size = number(rest, 2, f.month); break;
      case Kind::day: size = number(rest, 2, f.day); break;
      case Kind::hour: size = number(rest, 2, f.hour); break;
      case Kind::hour_of_12:
        size = number(rest, 2, f.hour);
        f.twelve_hours = true;
        break;
      case Kind::minute: size = number(rest, 2, f.minute); break;
      case Kind::second: size = number(rest, 2, f.second); break;
      case Kind::millisecond:
        size = number(rest, 3, skipped);
        if (size != 0) f.millisecond = *skipped;
        break;
      case Kind::day_of_year: size = number(rest, 3, f.day_of_year); break;
      case Kind::other_2_digits: size = number(rest, 2, skipped); break;
      case Kind::other_digit: size = number(rest, 1, skipped); break;
      case Kind::month_name:
        size = name(rest, kMonths, f.month);
        if (size != 0) ++*f.month;
        break;
      case Kind::weekday_name: size = name(rest, kWeekdays, skipped); break;
      case Kind::am_pm:
        size = rest.size() > 1 && std::string_view("AaPp").find(rest[0]) != std::string_view::npos &&
                       (rest[1] == 'M' || rest[1] == 'm')
                   ? 2
                   : 0;
        f.afternoon = size != 0 && (rest[0] == 'P' || rest[0] == 'p');
        break;
      case Kind::zone_offset: size = zone(rest, f.offset_minutes); break;
      case Kind::zone_name:
        size = run(
            rest, [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-'; }, 6);
        if (const auto name = rest.substr(0, size); name == "UTC" || name == "GMT" || name == "Z")
          f.offset_minutes = 0;
        break;
      case Kind::epoch:
        size = run(rest, is_digit, 11);
        for (std::int64_t sum = 0; const char digit : rest.substr(0, size))
          f.epoch = sum = sum * 10 + (digit - '0');
        break;
    }
    if (size == 0) return 0;
    at += size;
  }
  return at;
}

std::size_t TimeFormat::match(std::string_view text) const {
  const std::size_t size = scan(text, nullptr);
  return size <= kMaxBytes ? size : 0;
}

std::optional<CivilTime> TimeFormat::read(std::string_view text) const {
  using namespace std::chrono;
  Fields f;
  if (items_.empty() || scan(text, &f) == 0) return std::nullopt;
  if (f.epoch) {
    const sys_seconds moment{seconds(*f.epoch)};
    const auto midnight = floor<days>(moment);
    const year_month_day day(midnight);
    return CivilTime{.year = int{day.year()},
                     .month = static_cast<int>(unsigned{day.month()}),
                     .day = static_cast<int>(unsigned{day.day()}),
                     .of_day = moment - midnight + milliseconds(f.millisecond),
                     .zone_minutes = 0};
  }
  if (!f.hour) return std::nullopt;
  CivilTime civil{.year = f.year, .zone_minutes = f.offset_minutes};
  if (f.month && f.day) {
    if (*f.month == 0) return std::nullopt;  // which means that there is none
    civil.month = *f.month;
    civil.day = *f.day;
  } else if (f.day_of_year && f.year) {
    const year_month_day day(sys_days(year(*f.year) / January / 1) + days(*f.day_of_year - 1));
    civil.month = static_cast<int>(unsigned{day.month()});
    civil.day = static_cast<int>(unsigned{day.day()});
  }
  const int hour = f.twelve_hours ? *f.hour % 12 + (f.afternoon ? 12 : 0) : *f.hour;
  civil.of_day = hours(hour) + minutes(f.minute.value_or(0)) + seconds(f.second.value_or(0)) +
                 milliseconds(f.millisecond);
  return civil;
}

}  // namespace coturn_guard
