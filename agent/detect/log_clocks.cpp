// SPDX-License-Identifier: GPL-3.0-or-later
#include "detect/log_clocks.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "util/packed.hpp"

namespace coturn_guard {
namespace {

using std::chrono::milliseconds;

std::int64_t milli(std::chrono::system_clock::time_point moment) {
  return std::chrono::floor<milliseconds>(moment.time_since_epoch()).count();
}
std::int64_t milli(std::chrono::steady_clock::time_point moment) {
  return std::chrono::floor<milliseconds>(moment.time_since_epoch()).count();
}

std::uint64_t folded(std::int64_t number) {
  return static_cast<std::uint64_t>(number);
}

}  // namespace

Result<LogClocks> LogClocks::create(const std::string& timestamp_format) {
  auto reader = TimeReader::create(timestamp_format);
  if (!reader) return tl::unexpected(reader.error());
  return LogClocks(std::move(*reader));
}

Result<> LogClocks::set_timestamp_format(const std::string& timestamp_format) {
  auto reader = TimeReader::create(timestamp_format);
  if (!reader) return tl::unexpected(reader.error());
  reader_ = std::move(*reader);
  reader_.set_zone(zone_);
  for (Log& log : logs_) log.own.clear();
  return {};
}

LogClocks::Log& LogClocks::of(std::uint32_t id) {
  ++uses_;
  if (current_ >= logs_.size() || logs_[current_].id != id) {
    const auto found =
        std::find_if(logs_.begin(), logs_.end(), [id](const Log& log) { return log.id == id; });
    current_ = static_cast<std::size_t>(found - logs_.begin());
    if (found == logs_.end()) {
      if (logs_.size() >= kMaxLogs) {
        current_ = static_cast<std::size_t>(
            std::min_element(logs_.begin(), logs_.end(),
                             [](const Log& a, const Log& b) { return a.used < b.used; }) -
            logs_.begin());
        logs_[current_] = {};
      } else {
        logs_.emplace_back();
      }
      logs_[current_].id = id;
      if (saved_) logs_[current_].clock.unread_since(*saved_);
    }
  }
  logs_[current_].used = uses_;
  return logs_[current_];
}

const LogClocks::Log* LogClocks::find(std::uint32_t id) const {
  if (current_ < logs_.size() && logs_[current_].id == id) return &logs_[current_];
  const auto found = std::find_if(logs_.begin(), logs_.end(), [id](const Log& log) { return log.id == id; });
  return found == logs_.end() ? nullptr : &*found;
}

Reading LogClocks::read(Log& log, const Line& line, const Texts& texts, bool sure, const Now& now) const {
  Reading written;  // by whoever keeps the log
  if (line.written_milli != 0)
    written = {Reading::Kind::wall, line.written_milli,
               zone_ == nullptr ? 0 : zone_(line.written_milli / 1000), false};
  if (line.written_milli != 0 && line.whole) return written;
  // Lines of the same second have the same texts.
  if (texts.stamp != log.stamp || texts.own != log.own) {
    const bool follows = log.clock.is_wall();
    log.reading =
        reader_.read(texts.stamp, texts.own, follows ? log.clock.last_reading() : milli(now.wall), !follows);
    log.stamp.assign(texts.stamp);
    log.own.assign(texts.own);
  }
  if (line.written_milli == 0) return log.reading;
  // Docker's is of when it read coturn's standard output, which coturn writes in blocks: it may be hours
  // late.
  if (log.reading.kind == Reading::Kind::uptime) return in_time(log, written, log.reading, sure);
  return log.reading.kind == Reading::Kind::wall && !log.reading.local ? log.reading : written;
}

// The first line of a run of coturn that we see says when it started; from there on its uptimes count. Where
// the stamp agrees, it has the fractions.
Reading LogClocks::in_time(Log& log, const Reading& late, const Reading& uptime, bool sure) {
  constexpr std::int64_t kAgrees = 1'500;
  constexpr std::int64_t kLongestHeld = 86'400'000;  // else one of the two clocks is wrong
  const std::int64_t started = late.milli - uptime.milli;
  const bool same_run = log.started && uptime.milli >= log.uptime - LogClock::kBack &&
                        std::abs(started - *log.started) <= kLongestHeld;
  if (sure) {
    log.uptime = same_run ? std::max(log.uptime, uptime.milli) : uptime.milli;
    if (!same_run) log.started = started;
  }
  Reading reading = late;
  if (same_run && std::abs(started - *log.started) > kAgrees) reading.milli = *log.started + uptime.milli;
  return reading;
}

Deed LogClocks::told(const Line& line, const Texts& texts, const Now& now) {
  Log& log = of(line.log);
  const Reading reading = read(log, line, texts, true, now);
  // What an earlier run has read tells nothing new.
  if (!(line.known && log.loaded)) {
    if (replaying_ && !log.clock.begun()) anchor(log, reading);
    if (!line.known && !std::exchange(log.read, true)) log.clock.unread_begins();
    log.clock.read(reading, arrival(now), line.fresh);
    log.loaded = false;
    furthest_ = std::max(furthest_, log.clock.now());
  }
  if (!log.clock.begun()) return untold(line, now);
  Deed told = deed(log, log.clock.now(), now);
  told.fresh = line.fresh;
  told.in_doubt = log.clock.in_doubt();
  told.told_milli = reading.milli;
  return told;
}

Deed LogClocks::doubtful(const Line& line, const Texts& texts, const Now& now) {
  Deed told = untold(line, now);
  Log& log = of(line.log);
  if (!log.clock.begun() || told.by == Deed::By::arrival) return told;
  const Reading reading = read(log, line, texts, false, now);
  if (reading.kind == Reading::Kind::none) return told;
  if (const auto then = log.clock.read_doubtful(reading, arrival(now))) {
    told.in_doubt = true;
    told.told_milli = reading.milli;
    Dating{line.log, *then - reading.milli, *then, *then}.date(told);
  } else if (log.clock.any_in_doubt()) {
    told.in_doubt = true;
    told.told_milli = reading.milli;
  }
  if (reading.kind == Reading::Kind::wall) told.zone_seconds = reading.zone_seconds;
  return told;
}

// Logs with wall clocks stand beside each other; of a log with uptimes nobody knows but that it came after.
void LogClocks::anchor(Log& log, const Reading& reading) {
  if (reading.kind == Reading::Kind::wall) {
    if (!since_1970_) since_1970_ = furthest_ - reading.milli / 1000 * 1000;
    log.clock.anchor(*since_1970_);
  } else if (reading.kind == Reading::Kind::uptime) {
    log.clock.anchor(furthest_ - reading.milli);
  }
}

Deed LogClocks::untold(const Line& line, const Now& now) {
  Log& log = of(line.log);
  log.clock.pass();
  Deed deed{.by = Deed::By::arrival, .now = now, .log = line.log, .fresh = line.fresh};
  if (!log.clock.begun()) return deed;
  // Behind the last line of a log that is read as it is written, it is now.
  const LogClock::Milli silent = milli(now.mono) - log.clock.now();
  const bool quiet =
      !replaying_ && line.fresh && log.clock.late() <= LogClock::kNear && silent > LogClock::kNear;
  if (quiet) return deed;
  deed = this->deed(log, log.clock.now(), now);
  deed.fresh = line.fresh;
  deed.in_doubt = log.clock.in_doubt();
  deed.told_milli = log.clock.last_reading();
  return deed;
}

Deed LogClocks::deed(const Log& log, LogClock::Milli at, const Now& now) const {
  Deed deed;
  deed.log = log.id;
  deed.now.mono = std::chrono::steady_clock::time_point(milliseconds(at));
  if (log.clock.is_wall()) {
    deed.by = Deed::By::wall;
    deed.now.wall = std::chrono::system_clock::time_point(milliseconds(log.clock.reading()));
    deed.zone_seconds = log.reading.zone_seconds;
  } else {
    deed.by = Deed::By::uptime;
    deed.now.wall = now.wall;
    if (!replaying_) deed.now.wall -= milliseconds(std::max<std::int64_t>(milli(now.mono) - at, 0));
    deed.uptime_seconds = log.clock.reading() / 1000;
  }
  return deed;
}

std::optional<Dating> LogClocks::decided(std::uint32_t id) const {
  const Log* const log = find(id);
  if (log == nullptr || !log->clock.decided()) return std::nullopt;
  return Dating{id, log->clock.offset(), *log->clock.decided(), log->clock.now()};
}

bool LogClocks::in_doubt(std::uint32_t id) const {
  const Log* const log = find(id);
  return log != nullptr && log->clock.any_in_doubt();
}

void LogClocks::read_up(const Now& now) {
  for (Log& log : logs_) log.clock.read_up(arrival(now));
}

std::vector<std::uint32_t> LogClocks::logs() const {
  std::vector<std::uint32_t> ids;
  for (const Log& log : logs_) ids.push_back(log.id);
  return ids;
}

void LogClocks::load(const std::vector<SavedRecord>& records, std::chrono::steady_clock::time_point saved) {
  if (!origin_) return;
  saved_ = milli(saved);
  for (const SavedRecord& record : records) {
    if (record.kind != SavedRecord::Kind::clock) continue;
    PackedReader key(record.key);
    const auto id = static_cast<std::uint32_t>(key.number());
    PackedReader value(record.value);
    const auto kind = value.number();
    LogClock::Mark mark;
    mark.last = static_cast<std::int64_t>(value.number());
    mark.at = static_cast<std::int64_t>(value.number());
    mark.now = static_cast<std::int64_t>(value.number());
    const bool whole = key.complete() && value.complete() && value.good();
    constexpr std::int64_t kFar = std::int64_t{1} << 50;
    const auto sane = [](std::int64_t number) { return number > -kFar && number < kFar; };
    if (!whole || kind < 1 || kind > 2 || !sane(mark.last) || !sane(mark.at) || !sane(mark.now)) continue;
    mark.kind = static_cast<Reading::Kind>(kind);
    const std::int64_t origin = milli(*origin_);
    mark.at += origin;
    mark.now += origin;
    Log& log = of(id);
    log.clock.go_on(mark);
    log.loaded = true;
    log.saved = mark;
  }
}

void LogClocks::save_changes(StateBatch& batch) {
  if (!origin_) return;
  const bool all = std::exchange(everything_, false);
  if (all) batch.clear_records.push_back(SavedRecord::Kind::clock);
  const std::int64_t origin = milli(*origin_);
  for (Log& log : logs_) {
    const LogClock::Mark mark = log.clock.mark();
    if (mark.kind == Reading::Kind::none || (!all && mark == log.saved)) continue;
    log.saved = mark;
    batch.records.push_back({SavedRecord::Kind::clock, PackedWriter().number(log.id).take(),
                             PackedWriter()
                                 .number(static_cast<std::uint64_t>(mark.kind))
                                 .number(folded(mark.last))
                                 .number(folded(mark.at - origin))
                                 .number(folded(mark.now - origin))
                                 .take()});
  }
}

}  // namespace coturn_guard
