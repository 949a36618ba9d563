// SPDX-License-Identifier: GPL-3.0-or-later
#include "smoke_alarm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "events.hpp"
#include "util/duration.hpp"

namespace coturn_guard {
namespace {

constexpr std::string_view kRemedy =
    "have coturn log to syslog and read the journal, or run coturn 4.17 or newer: there an attacker's text "
    "stays within its record. gate: on is no substitute: it drops only texts with control bytes, and one "
    "without them blinds as well";

constexpr std::string_view kAmbiguousRemedy =
    "run coturn 4.6.3 or newer: there the error of a failed login names its session";

constexpr std::string_view kMovedRemedy =
    "leave mobility off in coturn's configuration where no client needs it";

SmokeCounts since(const SmokeCounts& now, const SmokeCounts& then) {
  return {.lost = now.lost - then.lost,
          .lost_milli = now.lost_milli - then.lost_milli,
          .blinded_bytes = now.blinded_bytes - then.blinded_bytes,
          .texts = now.texts - then.texts,
          .ambiguous = now.ambiguous - then.ambiguous,
          .ambiguous_milli = now.ambiguous_milli - then.ambiguous_milli,
          .moved = now.moved - then.moved,
          .moved_milli = now.moved_milli - then.moved_milli};
}

std::string points_of(std::uint64_t milli) {
  return fmt::format("{:.1f}", static_cast<double>(milli) / 1000);
}

}  // namespace

bool SmokeAlarm::is_smoke(Points enough) const {
  const auto ban = static_cast<std::uint64_t>(std::max(enough.milli, std::int32_t{1}));
  const bool more_than_one = minute_.texts >= kTextsOfSmoke || minute_.lost > kLinesOfOneText;
  return (more_than_one && minute_.lost_milli >= ban) || hour_.ambiguous_milli >= ban ||
         hour_.moved_milli >= ban;
}

void SmokeAlarm::look(const SmokeCounts& total, Points enough, const std::string& senders, const Now& now) {
  if (total.lost != total_.lost || total.ambiguous != total_.ambiguous || total.moved != total_.moved)
    lost_at_ = now.mono;
  total_ = total;
  SmokeCounts& slot = earlier_[next_];  // a minute old
  minute_ = since(total, slot);
  if (next_ == 0) {
    minutes_[next_minute_] = total;
    next_minute_ = (next_minute_ + 1) % kMinutes;
  }
  hour_ = since(total, minutes_[next_minute_]);
  if (!burning_) {
    if (is_smoke(enough)) {
      burning_ = true;
      ++alarms_;
      before_ = slot;
      before_.ambiguous = total.ambiguous - hour_.ambiguous;
      before_.ambiguous_milli = total.ambiguous_milli - hour_.ambiguous_milli;
      before_.moved = total.moved - hour_.moved;
      before_.moved_milli = total.moved_milli - hour_.moved_milli;
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
  std::string text;
  if (all.lost != 0)
    text = fmt::format(
        "{} accusing lines worth {} points were not believed within {}, because an attacker's text in "
        "coturn's log reaches there; in the last minute {} lines and {} bytes a second",
        all.lost, points_of(all.lost_milli),
        to_string(std::chrono::ceil<std::chrono::seconds>(now.mono - began_)), minute_.lost,
        minute_.blinded_bytes / kSeconds);
  if (all.ambiguous != 0)
    text += fmt::format(
        "{}{} guesses worth {} points were charged to nobody, because coturn's log does not tell which of "
        "several clients' sessions they were made in; {} in the last minute",
        text.empty() ? "" : "; ", all.ambiguous, points_of(all.ambiguous_milli), minute_.ambiguous);
  if (all.moved != 0)
    text += fmt::format(
        "{}{} offences worth {} points were charged to nobody, because mobile clients moved their "
        "sessions to addresses that nothing proves; {} in the last minute",
        text.empty() ? "" : "; ", all.moved, points_of(all.moved_milli), minute_.moved);
  return text;
}

void SmokeAlarm::tell(const std::string& senders, const Now& now) {
  told_at_ = now.mono;
  const SmokeCounts all = since(total_, before_);
  const bool by_sessions = all.ambiguous != 0, by_moves = all.moved != 0;
  const bool by_texts = all.lost != 0 || (!by_sessions && !by_moves);
  constexpr std::string_view kTexts =
      "attackers' texts in coturn's log hide offences: lines right behind them that accuse somebody are not "
      "believed";
  constexpr std::string_view kSessions =
      "refusals of several clients' sessions hide guesses: coturn's log does not tell which of them an error "
      "is about, so nobody is charged";
  constexpr std::string_view kMoves =
      "mobile clients' sessions moved to addresses that nothing proves, so nobody is charged with what is "
      "done in them";
  const auto all_of = [&](std::string_view of_texts, std::string_view of_sessions,
                          std::string_view of_moves) {
    std::string said;
    const auto say = [&](bool holds, std::string_view what) {
      if (holds) fmt::format_to(std::back_inserter(said), "{}{}", said.empty() ? "" : "; and ", what);
    };
    say(by_texts, of_texts);
    say(by_sessions, of_sessions);
    say(by_moves, of_moves);
    return said;
  };
  log_.write(events::kSmoke,
             {{"text", all_of(kTexts, kSessions, kMoves)},
              {"lost", std::to_string(all.lost)},
              {"points", points_of(all.lost_milli)},
              {"lost_in_last_minute", std::to_string(minute_.lost)},
              {"bytes_per_second", std::to_string(minute_.blinded_bytes / kSeconds)},
              {"texts", std::to_string(all.texts)},
              {"ambiguous", std::to_string(all.ambiguous)},
              {"ambiguous_points", points_of(all.ambiguous_milli)},
              {"ambiguous_in_last_minute", std::to_string(minute_.ambiguous)},
              {"moved", std::to_string(all.moved)},
              {"moved_points", points_of(all.moved_milli)},
              {"senders", senders},
              {"remedy", all_of(kRemedy, kAmbiguousRemedy, kMovedRemedy)}},
             now.mono);
}

void SmokeAlarm::tell_over(const Now& now) {
  burning_ = false;
  minutes_.fill(total_);
  const SmokeCounts all = since(total_, before_);
  log_.write(events::kSmokeOver,
             {{"text", "for five minutes no accusing line was lost any more"},
              {"lost", std::to_string(all.lost)},
              {"points", points_of(all.lost_milli)},
              {"bytes", std::to_string(all.blinded_bytes)},
              {"texts", std::to_string(all.texts)},
              {"ambiguous", std::to_string(all.ambiguous)},
              {"moved", std::to_string(all.moved)},
              {"lasted", to_string(std::chrono::ceil<std::chrono::seconds>(lost_at_ - began_))}},
             now.mono);
}

}  // namespace coturn_guard
