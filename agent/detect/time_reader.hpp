// SPDX-License-Identifier: GPL-3.0-or-later
// The time texts of one line -> one number on one scale: milliseconds since 1970 where the line has a wall
// clock, else coturn's uptime. Finds what a text leaves out: the year (syslog's classic form), the day, the
// zone. It knows nothing of the lines before; whether a clock is right is LogClock's to judge.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "detect/time_format.hpp"
#include "util/result.hpp"

namespace coturn_guard {

// Seconds that local time is ahead of UTC at a moment (seconds since 1970).
using LocalZone = std::int32_t (*)(std::int64_t);

// What a line says of its time.
struct Reading {
  enum class Kind : std::uint8_t { none, uptime, wall };

  Kind kind = Kind::none;
  std::int64_t milli = 0;
  std::int32_t zone_seconds = 0;  // ahead of UTC, by the text or by the local zone
  bool local = false;             // by the latter

  friend bool operator==(const Reading&, const Reading&) = default;
};

class TimeReader {
 public:
  // `timestamp_format`: as for Recogniser::create.
  [[nodiscard]] static Result<TimeReader> create(const std::string& timestamp_format);
  void set_zone(LocalZone zone) { zone_ = zone; }

  // `stamp`: of what others wrapped around the line; empty where it has none. `own`: coturn's.
  // `near`: milliseconds since 1970. What the text leaves out is taken so that the moment is near it;
  // `at_most_near`: it is the present, which can be passed by a day at most.
  [[nodiscard]] Reading read(std::string_view stamp, std::string_view own, std::int64_t near,
                             bool at_most_near) const;

 private:
  TimeReader() = default;
  [[nodiscard]] Reading resolve(const CivilTime& civil, std::int64_t near, bool at_most_near) const;
  [[nodiscard]] Reading placed(const CivilTime& civil, std::int64_t near) const;

  TimeFormat custom_, iso_, iso_with_milliseconds_;
  LocalZone zone_ = nullptr;  // UTC
};

}  // namespace coturn_guard
