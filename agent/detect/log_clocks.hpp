// SPDX-License-Identifier: GPL-3.0-or-later
// The clocks of all followed logs: the time texts of a line -> its Deed. Bounded: the log that was silent
// longest goes first. Which lines may be asked for their time (not those that an attacker may have written)
// is the Recogniser's to say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/dating.hpp"
#include "detect/log_clock.hpp"
#include "detect/time_reader.hpp"
#include "model/flow.hpp"
#include "model/saved_state.hpp"
#include "util/result.hpp"

namespace coturn_guard {

class LogClocks {
 public:
  static constexpr std::size_t kMaxLogs = 64;

  [[nodiscard]] static Result<LogClocks> create(const std::string& timestamp_format);
  [[nodiscard]] Result<> set_timestamp_format(const std::string& timestamp_format);
  void set_zone(LocalZone zone) {
    zone_ = zone;
    reader_.set_zone(zone);
  }
  // Lines have no time of arrival, only that of today.
  void set_replaying() { replaying_ = true; }
  [[nodiscard]] bool replaying() const { return replaying_; }

  // What a line says of its time.
  struct Texts {
    std::string_view stamp;  // of what others wrapped around it
    std::string_view own;    // coturn's
  };
  // A line whose time is believed to be coturn's.
  [[nodiscard]] Deed told(const Line& line, const Texts& texts, const Now& now);
  // The same where an attacker may have written the line.
  [[nodiscard]] Deed doubtful(const Line& line, const Texts& texts, const Now& now);
  // A line without a time.
  [[nodiscard]] Deed untold(const Line& line, const Now& now);
  // When the log's lines were written that were in doubt until the last call of told() or read_up().
  [[nodiscard]] std::optional<Dating> decided(std::uint32_t log) const;
  [[nodiscard]] bool in_doubt(std::uint32_t log) const;
  // Coturn's banner stands in that log.
  void restarted(std::uint32_t log, const Now& now) { of(log).clock.restarted(arrival(now)); }
  // All sources are read to their ends.
  void read_up(const Now& now);
  [[nodiscard]] std::vector<std::uint32_t> logs() const;

  // As Ledger's and Attribution's.
  void begin(std::chrono::steady_clock::time_point origin) { origin_ = origin; }
  // `saved`: when.
  void load(const std::vector<SavedRecord>& records, std::chrono::steady_clock::time_point saved);
  void save_changes(StateBatch& batch);
  void note_everything() { everything_ = origin_.has_value(); }

 private:
  struct Log {
    std::uint32_t id = 0;
    LogClock clock;
    std::string stamp, own;  // the last texts, whose reading is kept
    Reading reading;
    // Where Docker says when it read a line: when coturn was started, by the first of the run, and its latest
    // uptime.
    std::optional<std::int64_t> started;
    std::int64_t uptime = 0;
    std::uint64_t used = 0;
    bool loaded = false;  // by an earlier run, and no new line came yet
    bool read = false;    // a new line came
    LogClock::Mark saved;
  };

  explicit LogClocks(TimeReader reader) : reader_(std::move(reader)) {}
  [[nodiscard]] Log& of(std::uint32_t log);
  [[nodiscard]] const Log* find(std::uint32_t log) const;
  [[nodiscard]] std::optional<Now> arrival(const Now& now) const {
    return replaying_ ? std::nullopt : std::optional<Now>(now);
  }
  [[nodiscard]] Reading read(Log& log, const Line& line, const Texts& texts, bool sure, const Now& now) const;
  [[nodiscard]] static Reading in_time(Log& log, const Reading& late, const Reading& uptime, bool sure);
  void anchor(Log& log, const Reading& reading);
  [[nodiscard]] Deed deed(const Log& log, LogClock::Milli at, const Now& now) const;

  TimeReader reader_;
  LocalZone zone_ = nullptr;
  std::vector<Log> logs_;
  std::size_t current_ = 0;
  std::uint64_t uses_ = 0;
  bool replaying_ = false;
  // In a replay: where 1970 is on the scale of all logs, and how far they have come.
  std::optional<LogClock::Milli> since_1970_;
  LogClock::Milli furthest_ = 0;
  std::optional<std::chrono::steady_clock::time_point> origin_;
  std::optional<LogClock::Milli> saved_;
  bool everything_ = false;
};

}  // namespace coturn_guard
