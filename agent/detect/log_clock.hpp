// SPDX-License-Identifier: GPL-3.0-or-later
// Time texts of a log's lines -> how long after the first line each stands: the virtual clock of a replay.
// Live lines have arrival times instead; coturn's numbers are no clock for them (they count from coturn's
// start, and step).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "detect/time_format.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class LogClock {
 public:
  using Moment = std::chrono::sys_time<std::chrono::milliseconds>;

  // `timestamp_format`: as for Recogniser::create.
  [[nodiscard]] static Result<LogClock> create(const std::string& timestamp_format);

  // Since the first text; never goes back. A counter that begins again (coturn was restarted) goes on from
  // the last line; a text that is no time, and coturn's 4294967295 after its clock was set back, change
  // nothing.
  [[nodiscard]] std::chrono::milliseconds at(std::string_view time_text);
  // The last text's moment, where it named one: a counter does not. A text without a zone counts as UTC.
  [[nodiscard]] std::optional<Moment> moment() const { return moment_; }

 private:
  LogClock() = default;
  void advance_to(std::chrono::milliseconds offset);

  TimeFormat custom_;
  TimeFormat iso_;
  TimeFormat iso_with_milliseconds_;
  std::string last_text_;
  std::chrono::milliseconds now_{};
  std::optional<std::uint32_t> last_counter_;
  std::chrono::milliseconds counter_zero_{};  // what the counter's 0 is on our scale
  std::optional<Moment> moment_;
  Moment moment_zero_{};
  bool moment_known_ = false;  // moment_zero_ is set
};

}  // namespace coturn_guard
