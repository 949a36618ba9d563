// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/log_clock.hpp"

#include <algorithm>
#include <charconv>

namespace coturn_guard {
namespace {

using namespace std::chrono_literals;

// Coturn's threads print a cached second each, so that a counter may step back a little without a restart.
constexpr std::uint32_t kThreadsDisagree = 5;
// An unsigned number that was negative: coturn's clock was set back to before its start.
constexpr std::uint32_t kWrapped = 0x80000000;

std::optional<std::uint32_t> parse_counter(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<LogClock> LogClock::create(const std::string& timestamp_format) {
  LogClock clock;
  const auto compile = [](TimeFormat& into, std::string_view format) -> Result<> {
    return TimeFormat::compile(format).map([&into](TimeFormat compiled) { into = std::move(compiled); });
  };
  if (auto done = compile(clock.iso_, "%FT%T%z"); !done) return tl::unexpected(done.error());
  if (auto done = compile(clock.iso_with_milliseconds_, "%FT%T.%f%z"); !done)
    return tl::unexpected(done.error());
  if (auto done = timestamp_format.empty() ? Result<>() : compile(clock.custom_, timestamp_format); !done)
    return tl::unexpected(done.error());
  return clock;
}

void LogClock::advance_to(std::chrono::milliseconds offset) {
  now_ = std::max(now_, offset);
}

std::chrono::milliseconds LogClock::at(std::string_view time_text) {
  if (time_text == last_text_) return now_;
  last_text_ = time_text;
  if (const std::optional<std::uint32_t> counter = parse_counter(time_text);
      counter && custom_.match(time_text) == 0) {
    moment_.reset();
    if (*counter >= kWrapped) return now_;
    const bool begins_again = !last_counter_ || *counter + kThreadsDisagree < *last_counter_;
    // The first counter of all is our zero; that of a restart counts from the line before.
    if (!last_counter_ && !moment_known_)
      counter_zero_ = now_ - std::chrono::seconds(*counter);
    else if (begins_again)
      counter_zero_ = now_;
    last_counter_ = counter;
    advance_to(counter_zero_ + std::chrono::seconds(*counter));
    return now_;
  }
  std::optional<Moment> moment = custom_.parse(time_text);
  if (!moment) moment = iso_with_milliseconds_.parse(time_text);
  if (!moment) moment = iso_.parse(time_text);
  if (!moment) return now_;
  if (!moment_known_) {
    moment_known_ = true;
    moment_zero_ = *moment - now_;
  }
  moment_ = moment;
  advance_to(*moment - moment_zero_);
  return now_;
}

}  // namespace coturn_guard
