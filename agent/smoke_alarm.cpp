// SPDX-License-Identifier: GPL-3.0-or-later
#include "smoke_alarm.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "events.hpp"
#include "util/duration.hpp"

namespace coturn_guard {
namespace {

constexpr std::string_view kRemedy =
    "have coturn log to syslog and read the journal, or run coturn 4.17 or newer: there an attacker's text "
    "stays within its record. Until then gate: on drops the forgeable texts that come over UDP";

SmokeCounts since(const SmokeCounts& now, const SmokeCounts& then) {
  return {.lost = now.lost - then.lost,
          .lost_milli = now.lost_milli - then.lost_milli,
          .blinded_bytes = now.blinded_bytes - then.blinded_bytes,
          .texts = now.texts - then.texts};
}

std::string points_of(std::uint64_t milli) {
  return fmt::format("{:.1f}", static_cast<double>(milli) / 1000);
}

}  // namespace

void SmokeAlarm::look(const SmokeCounts& total, Points enough, const std::string& senders, const Now& now) {
  if (total.lost != total_.lost) lost_at_ = now.mono;
  total_ = total;
  SmokeCounts& slot = earlier_[next_];  // a minute old
  minute_ = since(total, slot);
  if (!burning_) {
    const bool more_than_one = minute_.texts >= kTextsOfSmoke || minute_.lost > kLinesOfOneText;
    const bool worth_a_ban =
        minute_.lost_milli >= static_cast<std::uint64_t>(std::max(enough.milli, std::int32_t{1}));
    if (more_than_one && worth_a_ban) {
      burning_ = true;
      ++alarms_;
      before_ = slot;
      began_ = now.mono;
      tell(senders, now);
    }
  } else if (now.mono - lost_at_ >= kOver) {
    tell_over(now);
  } else if (now.mono - told_at_ >= kRepeat) {
    tell(senders, now);
  }
  slot = total;
  next_ = (next_ + 1) % kSeconds;
}

std::string SmokeAlarm::text(const Now& now) const {
  const SmokeCounts all = since(total_, before_);
  return fmt::format(
      "{} accusing lines worth {} points were not believed within {}, because an attacker's text in "
      "coturn's log reaches there; in the last minute {} lines and {} bytes a second",
      all.lost, points_of(all.lost_milli),
      to_string(std::chrono::ceil<std::chrono::seconds>(now.mono - began_)), minute_.lost,
      minute_.blinded_bytes / kSeconds);
}

void SmokeAlarm::tell(const std::string& senders, const Now& now) {
  told_at_ = now.mono;
  const SmokeCounts all = since(total_, before_);
  log_.write(events::kSmoke,
             {{"text",
               "attackers' texts in coturn's log hide offences: lines right behind them that accuse "
               "somebody are not believed"},
              {"lost", std::to_string(all.lost)},
              {"points", points_of(all.lost_milli)},
              {"lost_in_last_minute", std::to_string(minute_.lost)},
              {"bytes_per_second", std::to_string(minute_.blinded_bytes / kSeconds)},
              {"texts", std::to_string(all.texts)},
              {"senders", senders},
              {"remedy", std::string(kRemedy)}},
             now.mono);
}

void SmokeAlarm::tell_over(const Now& now) {
  burning_ = false;
  const SmokeCounts all = since(total_, before_);
  log_.write(events::kSmokeOver,
             {{"text", "for five minutes no accusing line was lost any more"},
              {"lost", std::to_string(all.lost)},
              {"points", points_of(all.lost_milli)},
              {"bytes", std::to_string(all.blinded_bytes)},
              {"texts", std::to_string(all.texts)},
              {"lasted", to_string(std::chrono::ceil<std::chrono::seconds>(lost_at_ - began_))}},
             now.mono);
}

}  // namespace coturn_guard
