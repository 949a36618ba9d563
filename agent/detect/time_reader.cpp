// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/time_reader.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "detect/stamp.hpp"

namespace coturn_guard {
namespace {

using namespace std::chrono;

// An unsigned number that was negative: coturn's clock was set back to before its start.
constexpr std::uint32_t kWrapped = 0x80000000;
// Before that day (in 2001) no clock is set: a machine without a battery begins in 1970.
constexpr std::int64_t kClockIsSet = 1'000'000'000'000;
constexpr std::int64_t kDay = 86'400'000;
// Two texts without a zone may mean the earlier moment, a little before `near`: threads' clocks differ.
constexpr std::int64_t kThreadsDisagree = 5'000;

std::optional<std::uint32_t> counter(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

year_month_day day_of(std::int64_t milli) {
  return year_month_day(floor<days>(sys_time<milliseconds>(milliseconds(milli))));
}

}  // namespace

Result<TimeReader> TimeReader::create(const std::string& timestamp_format) {
  TimeReader reader;
  const auto compile = [](TimeFormat& into, std::string_view format) -> Result<> {
    return TimeFormat::compile(format).map([&into](TimeFormat compiled) { into = std::move(compiled); });
  };
  if (auto done = compile(reader.iso_, "%FT%T%z"); !done) return tl::unexpected(done.error());
  if (auto done = compile(reader.iso_with_milliseconds_, "%FT%T.%f%z"); !done)
    return tl::unexpected(done.error());
  if (auto done = timestamp_format.empty() ? Result<>() : compile(reader.custom_, timestamp_format); !done)
    return tl::unexpected(done.error());
  return reader;
}

Reading TimeReader::read(std::string_view stamp, std::string_view own, std::int64_t near,
                         bool at_most_near) const {
  std::optional<CivilTime> civil = read_stamp(stamp);
  if (civil)
    if (const Reading reading = resolve(*civil, near, at_most_near); reading.kind != Reading::Kind::none)
      return reading;
  civil = custom_.read(own);
  if (!civil) {
    if (const auto seconds_up = counter(own)) {
      if (*seconds_up >= kWrapped) return {};
      return {Reading::Kind::uptime, std::int64_t{*seconds_up} * 1000, 0, false};
    }
  }
  if (!civil) civil = iso_with_milliseconds_.read(own);
  if (!civil) civil = iso_.read(own);
  return civil ? resolve(*civil, near, at_most_near) : Reading{};
}

// Finds year and day.
Reading TimeReader::resolve(const CivilTime& civil, std::int64_t near, bool at_most_near) const {
  if (civil.year && civil.month != 0) return placed(civil, near);
  const auto distance = [&](std::int64_t milli) {
    const bool too_late = at_most_near && milli > near + kDay;
    return std::abs(milli - near) + (too_late ? std::int64_t{1} << 60 : 0);
  };
  Reading best;
  const auto offer = [&](const CivilTime& whole) {
    const Reading reading = placed(whole, near);
    if (reading.kind == Reading::Kind::none) return;
    if (best.kind == Reading::Kind::none || distance(reading.milli) < distance(best.milli)) best = reading;
  };
  CivilTime whole = civil;
  if (civil.month != 0) {
    const int year = int{day_of(near).year()};
    for (int before = -1; before <= 4; ++before) {  // the 29th of February comes each fourth year
      whole.year = year - before;
      offer(whole);
    }
    return best;
  }
  for (const std::int64_t shift : {-kDay, std::int64_t{0}, kDay}) {
    const auto day = day_of(near + shift);
    whole.year = int{day.year()};
    whole.month = static_cast<int>(unsigned{day.month()});
    whole.day = static_cast<int>(unsigned{day.day()});
    offer(whole);
  }
  return best;
}

// Of the two moments that an hour names when clocks are set back, the first that is not before `near`.
Reading TimeReader::placed(const CivilTime& civil, std::int64_t near) const {
  const year_month_day day(year(*civil.year), month(static_cast<unsigned>(civil.month)),
                           std::chrono::day(static_cast<unsigned>(civil.day)));
  if (!day.ok()) return {};
  const std::int64_t local = (sys_days(day).time_since_epoch() + civil.of_day) / milliseconds(1);
  std::int64_t ahead = civil.zone_minutes.value_or(0) * std::int64_t{60};
  if (!civil.zone_minutes && zone_ != nullptr) {
    const std::array<std::int64_t, 2> offers{zone_((local - kDay) / 1000), zone_((local + kDay) / 1000)};
    const auto holds = [&](std::int64_t offer) { return zone_(local / 1000 - offer) == offer; };
    // Behind a time that was left out when clocks were set forward nobody looks: as before it.
    ahead = offers[0];
    if (holds(offers[1]) && (!holds(offers[0]) || local - offers[0] * 1000 < near - kThreadsDisagree))
      ahead = offers[1];
  }
  const std::int64_t milli = local - ahead * 1000;
  if (milli < kClockIsSet) return {};
  return {Reading::Kind::wall, milli, static_cast<std::int32_t>(ahead), !civil.zone_minutes};
}

}  // namespace coturn_guard
