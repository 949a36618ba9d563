// SPDX-License-Identifier: GPL-3.0-or-later
// The strftime text of coturn's `new-log-timestamp-format`, compiled to a matcher: how many bytes at a line's
// start are the time, and which moment they name. English (C locale) names only: coturn never calls
// setlocale().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.hpp"

namespace coturn_guard {

// A moment as a text names it: parts of it may be missing (detect/time_reader finds them).
struct CivilTime {
  std::optional<int> year;
  int month = 0;  // 0: the text names no day
  int day = 0;
  std::chrono::milliseconds of_day{};
  std::optional<int> zone_minutes;  // ahead of UTC

  friend bool operator==(const CivilTime&, const CivilTime&) = default;
};

class TimeFormat {
 public:
  // Coturn cuts the format at 47 bytes (MAX_LOG_TIMESTAMP_FORMAT_LEN in ns_turn_utils.c) and so does its
  // output buffer.
  static constexpr std::size_t kMaxBytes = 47;

  TimeFormat() = default;  // matches nothing
  // Fails on a conversion that strftime does not know, and on a text longer than kMaxBytes.
  [[nodiscard]] static Result<TimeFormat> compile(std::string_view strftime_text);

  [[nodiscard]] bool empty() const { return items_.empty(); }
  // Bytes that the time takes at the start of `text`; 0: it does not start with one.
  [[nodiscard]] std::size_t match(std::string_view text) const;
  // What a matching text says of its moment. Absent where it lacks the hour.
  [[nodiscard]] std::optional<CivilTime> read(std::string_view text) const;

 private:
  struct Fields;
  enum class Kind : std::uint8_t;
  struct Item {
    Kind kind;
    char literal = 0;
  };
  [[nodiscard]] std::size_t scan(std::string_view text, Fields* fields) const;
  Result<> append(std::string_view strftime_text);

  std::vector<Item> items_;
};

}  // namespace coturn_guard
