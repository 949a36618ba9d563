// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/log_clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace coturn_guard {
namespace {

using std::chrono::milliseconds;

// A backlog of uptimes whose beginning nobody knows: long enough ago for most, and its end is known.
constexpr LogClock::Milli kUnknownBacklog = 86'400'000;
// So long a clock must be wrong by as much before it is taken for one that always is.
constexpr LogClock::Milli kSteadyFor = 10'000;
// Where the zone is guessed, the hour in which clocks are set back is late by as much.
constexpr LogClock::Milli kSteadyForLocal = LogClock::Milli{2} * 3'600'000;

LogClock::Milli mono(const Now& now) {
  return std::chrono::floor<milliseconds>(now.mono.time_since_epoch()).count();
}
LogClock::Milli wall(const Now& now) {
  return std::chrono::floor<milliseconds>(now.wall.time_since_epoch()).count();
}

}  // namespace

void LogClock::read(const Reading& reading, const std::optional<Now>& arrival, bool fresh) {
  decided_.reset();
  if (reading.kind == Reading::Kind::none) return;
  ++readings_;
  const std::int64_t at = reading.milli;
  if (reading.kind != kind_) {
    begin(reading, arrival, fresh);
  } else if (Track* const track = track_of(at)) {
    settle_doubt();
    candidate_.reset();
    behind_.reset();
    follow(*track, at);
  } else if (at > current().last) {
    read_ahead(at, arrival);
  } else {
    read_behind(at, arrival);
  }
  local_ = reading.local;
  if (arrival) correct(*arrival, fresh);
  if (doubtful_ && !doubt_) {
    doubtful_ = false;
    decided_ = now_;
  }
}

// Nobody but the line itself is told of it: what it says moves nothing.
std::optional<LogClock::Milli> LogClock::read_doubtful(const Reading& reading,
                                                       const std::optional<Now>& arrival) {
  decided_.reset();
  if (reading.kind != kind_ || !begun()) return std::nullopt;
  if (const Track* const track = track_of(reading.milli)) return reading.milli + track->offset;
  const Milli then = reading.milli + current().offset;
  if (then < now_) return std::nullopt;
  if (arrival && std::abs(then - mono(*arrival)) <= kNear) return then;
  if (arrival && then > mono(*arrival)) return std::nullopt;
  doubtful_ = true;
  return std::nullopt;
}

// The first reading, or the first of another kind: coturn was upgraded, or logs otherwise.
void LogClock::begin(const Reading& reading, const std::optional<Now>& arrival, bool fresh) {
  settle_doubt();
  candidate_.reset();
  behind_.reset();
  Milli offset = anchor_ && !begun() ? *anchor_ : now_ - reading.milli;
  if (arrival && reading.kind == Reading::Kind::wall) {
    offset = mono(*arrival) - wall(*arrival);
    if (reading.milli + offset > mono(*arrival) + kNear) offset = mono(*arrival) - reading.milli;
  } else if (arrival && !begun()) {
    const Milli unread_since = unread_since_.value_or(mono(*arrival) - kUnknownBacklog);
    offset = (fresh ? mono(*arrival) : unread_since) - reading.milli;
    guessed_ = !fresh;
  }
  const bool first = !begun();
  kind_ = reading.kind;
  tracks_ = {};
  current_ = 0;
  current() = {reading.milli, offset, readings_};
  now_ = first ? reading.milli + offset : std::max(now_, reading.milli + offset);
  reading_ = reading.milli;
}

// That on which a reading goes on, the current one first.
const LogClock::Track* LogClock::track_of(std::int64_t reading) const {
  const auto goes_on = [&](const Track& track) {
    const bool lives =
        track.used != 0 && (&track == &tracks_[current_] || readings_ - track.used < kTrackLives);
    return lives && reading >= track.last - kBack && reading <= track.last + kAhead;
  };
  if (goes_on(tracks_[current_])) return &tracks_[current_];
  const auto found = std::find_if(tracks_.begin(), tracks_.end(), goes_on);
  return found == tracks_.end() ? nullptr : &*found;
}

void LogClock::follow(Track& track, std::int64_t reading) {
  current_ = static_cast<std::size_t>(&track - tracks_.data());
  track.last = std::max(track.last, reading);
  track.used = readings_;
  now_ = std::max(now_, reading + track.offset);
  reading_ = reading;
}

void LogClock::read_ahead(std::int64_t reading, const std::optional<Now>& arrival) {
  behind_.reset();
  if (candidate_ && reading >= *candidate_ - kBack) {
    believe_ahead(*candidate_, arrival);
    if (Track* const track = track_of(reading)) return follow(*track, reading);
  }
  settle_doubt();
  candidate_ = reading;
  const Milli then = reading + current().offset;
  if (arrival && std::abs(then - mono(*arrival)) <= kNear)
    believe_ahead(reading, arrival);
  else
    doubt_ = !(arrival && then > mono(*arrival));
}

// It says nothing of a candidate ahead: one of the two clocks is wrong.
void LogClock::read_behind(std::int64_t reading, const std::optional<Now>& arrival) {
  if (!behind_ || reading < *behind_ - kBack) {
    behind_ = reading;
    return;
  }
  if (candidate_ && doubt_) believe_ahead(*candidate_, arrival);
  candidate_.reset();
  turn_back(*std::exchange(behind_, std::nullopt), arrival);
  if (Track* const track = track_of(reading)) return follow(*track, reading);
  read_ahead(reading, arrival);
}

void LogClock::believe_ahead(std::int64_t candidate, const std::optional<Now>& arrival) {
  Track& track = current();
  Milli then = candidate + track.offset;
  // The clock was set forward, or is ahead of ours: nothing was written after it was read. In a replay nobody
  // knows a pause from that.
  if (arrival && then > mono(*arrival) + kNear) then = std::max(now_, mono(*arrival));
  if (!arrival) then = std::min(then, now_ + kLongestGap);
  track.offset = then - candidate;
  follow(track, candidate);
  settle_doubt();
  candidate_.reset();
}

// The clock was set back, coturn was restarted, or another one's lines come: how much time passed nobody
// knows, so none did. But what came when all was read up is new, and so is what an earlier run has not read.
void LogClock::turn_back(std::int64_t candidate, const std::optional<Now>& arrival) {
  if (kind_ == Reading::Kind::uptime && arrival) {
    if (read_up_at_) {
      if (*read_up_at_ > now_ + kNear) now_ = *read_up_at_;
    } else if (unread_since_) {
      now_ = std::max(now_, *unread_since_);
    }
  }
  const auto oldest =
      std::min_element(tracks_.begin(), tracks_.end(), [this](const Track& a, const Track& b) {
        return &b == &current() || (&a != &current() && a.used < b.used);
      });
  *oldest = {candidate, now_ - candidate, readings_};
  current_ = static_cast<std::size_t>(oldest - tracks_.begin());
  reading_ = candidate;
}

void LogClock::restarted(const std::optional<Now>& arrival) {
  if (kind_ != Reading::Kind::uptime) return;
  if (behind_) turn_back(*std::exchange(behind_, std::nullopt), arrival);
  for (Track& track : tracks_)
    if (&track != &current()) track = {};
}

void LogClock::settle_doubt() {
  if (doubt_) decided_ = now_;
  doubt_ = false;
}

// Nothing was written after it was read. And coturn's uptime says nothing of the time that it was down.
void LogClock::correct(const Now& arrival, bool fresh) {
  heard_ = true;
  last_arrival_ = mono(arrival);
  const Milli late = *last_arrival_ - now_;
  if ((late < -kNear && !guessed_) || (kind_ == Reading::Kind::uptime && fresh && late > kNear && !doubt_))
    shift(late);
  late_ = *last_arrival_ - now_;
}

// All that was known before was written before.
void LogClock::unread_begins() {
  if (guessed_ && unread_since_) shift(*unread_since_ - now_);
}

void LogClock::shift(Milli by) {
  for (Track& track : tracks_) track.offset += by;
  now_ += by;
}

void LogClock::read_up(const std::optional<Now>& arrival) {
  decided_.reset();
  if (doubt_) {
    const Milli then = *candidate_ + current().offset;
    if (!arrival || then <= mono(*arrival) + kNear)
      believe_ahead(*candidate_, arrival);
    else
      settle_doubt();
  }
  if (doubtful_) {
    doubtful_ = false;
    decided_ = arrival ? std::max(now_, mono(*arrival)) : now_ + kLongestGap;
  }
  // Before its first line we do not know that it was.
  if (arrival && heard_) read_up_at_ = mono(*arrival);
  if (!last_arrival_) return;
  const Milli at = *std::exchange(last_arrival_, std::nullopt);
  const Milli late = at - now_;
  if (std::exchange(guessed_, false)) {
    // What comes from here on comes after that; and when the last line was in doubt, nobody knows better.
    if (decided_) *decided_ += late;
    shift(late);
  } else if (std::abs(late) <= kNear) {
    lateness_.reset();
  } else if (!lateness_ || std::abs(late - lateness_->late) > kBack) {
    lateness_ = {late, at};
  } else if (at - lateness_->at >= (local_ ? kSteadyForLocal : kSteadyFor)) {
    shift(late);
    lateness_.reset();
  }
}

LogClock::Mark LogClock::mark() const {
  const Track& track = tracks_[current_];
  return {kind_, track.last, track.last + track.offset, now_};
}

void LogClock::go_on(const Mark& mark) {
  kind_ = mark.kind;
  tracks_ = {};
  current_ = 0;
  readings_ = 1;
  current() = {mark.last, mark.at - mark.last, readings_};
  now_ = mark.now;
  reading_ = mark.last;
}

}  // namespace coturn_guard
