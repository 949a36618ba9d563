// SPDX-License-Identifier: GPL-3.0-or-later
// The clock of one log: from what its lines say of their time to when they were written, on the scale of our
// steady clock. The same lines give the same distances, whether they are read as they are written, as a
// backlog, or by `replay`. Where we know when a line arrived, that only says which of two answers is right.
//
// One line with a wrong clock is believed by nobody. A reading that goes on from the last one is taken as it
// is. One that does not (a quiet night, a wrong clock, a restart of coturn, another coturn's line in between)
// is a candidate: the next reading decides whether time went that way. A line whose reading lies ahead is in
// doubt until then; one whose reading lies behind has the time of the line before it in any case. Where it
// arrives just when it says, nothing is in doubt.
//
// A line that an attacker may have written moves no clock. Its own time counts for itself alone: at once
// where it goes on from the last reading, else when a line of coturn's own behind it says that it is so late.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "detect/time_reader.hpp"
#include "model/clock.hpp"

namespace coturn_guard {

class LogClock {
 public:
  // Milliseconds of the steady clock.
  using Milli = std::int64_t;

  static constexpr Milli kBack = 5'000;    // coturn's threads print a cached second each
  static constexpr Milli kAhead = 60'000;  // a longer silence is confirmed by the next line
  // A line that is read so long after it was written, or before, is read as it is written: clocks that are
  // not quite right and busy machines.
  static constexpr Milli kNear = 60'000;
  static constexpr Milli kLongestGap = 120LL * 86'400'000;  // in a replay; then everything is forgotten

  // Before the first reading, in a replay: where the readings' zero is on the scale that all logs share.
  void anchor(Milli offset) { anchor_ = offset; }
  // Before the first reading, live: what no earlier run has read was written since.
  void unread_since(Milli then) { unread_since_ = then; }
  // The next reading is the first that no earlier run has read.
  void unread_begins();
  // `arrival`: absent in a replay, whose clock begins at 0. `fresh`: Line::fresh.
  void read(const Reading& reading, const std::optional<Now>& arrival, bool fresh);
  // A line that says nothing of its time.
  void pass() { decided_.reset(); }
  // Of a line that may be an attacker's: when it was written. Absent: when the line before it was.
  [[nodiscard]] std::optional<Milli> read_doubtful(const Reading& reading, const std::optional<Now>& arrival);
  // Nothing follows for now, and what is in doubt is to be decided. Live, a clock that goes wrong by as much
  // all the time is known from here on.
  void read_up(const std::optional<Now>& arrival);

  // Coturn's banner came: an uptime begins again, and what an earlier one said is over.
  void restarted(const std::optional<Now>& arrival);
  // How late the last line was when it was read; 0 in a replay.
  [[nodiscard]] Milli late() const { return late_; }

  [[nodiscard]] bool begun() const { return kind_ != Reading::Kind::none; }
  [[nodiscard]] bool is_wall() const { return kind_ == Reading::Kind::wall; }
  // When the last line was written; while it is in doubt, when the one before it was.
  [[nodiscard]] Milli now() const { return now_; }
  [[nodiscard]] bool in_doubt() const { return doubt_; }
  // That, or lines that may be an attacker's are.
  [[nodiscard]] bool any_in_doubt() const { return doubt_ || doubtful_; }
  // The lines that were in doubt until the last call were written then at the latest.
  [[nodiscard]] std::optional<Milli> decided() const { return decided_; }
  // Of our scale to that of the readings.
  [[nodiscard]] Milli offset() const { return tracks_[current_].offset; }
  // The reading at now(), and that of the last line, be it believed or in doubt.
  [[nodiscard]] Milli reading() const { return reading_; }
  [[nodiscard]] Milli last_reading() const { return doubt_ ? *candidate_ : reading_; }

  // For who saves it: where the scale of its lines stands.
  struct Mark {
    Reading::Kind kind = Reading::Kind::none;
    std::int64_t last = 0;  // the reading
    Milli at = 0, now = 0;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  [[nodiscard]] Mark mark() const;
  void go_on(const Mark& mark);

 private:
  // Lines of two coturns in one file, or of one before and after its clock was set: a track each.
  struct Track {
    std::int64_t last = 0;  // the latest reading
    Milli offset = 0;       // of our scale to that of its readings
    std::uint64_t used = 0;
  };
  static constexpr std::size_t kTracks = 4;
  static constexpr std::uint64_t kTrackLives = 64;  // readings on others; then it is an earlier run's

  void begin(const Reading& reading, const std::optional<Now>& arrival, bool fresh);
  [[nodiscard]] const Track* track_of(std::int64_t reading) const;
  [[nodiscard]] Track* track_of(std::int64_t reading) {
    return const_cast<Track*>(std::as_const(*this).track_of(reading));
  }
  [[nodiscard]] Track& current() { return tracks_[current_]; }
  void follow(Track& track, std::int64_t reading);
  void read_ahead(std::int64_t reading, const std::optional<Now>& arrival);
  void read_behind(std::int64_t reading, const std::optional<Now>& arrival);
  void believe_ahead(std::int64_t candidate, const std::optional<Now>& arrival);
  void turn_back(std::int64_t candidate, const std::optional<Now>& arrival);
  void correct(const Now& arrival, bool fresh);
  void shift(Milli by);
  void settle_doubt();

  std::array<Track, kTracks> tracks_{};
  std::size_t current_ = 0;
  Reading::Kind kind_ = Reading::Kind::none;
  std::optional<Milli> anchor_;
  std::uint64_t readings_ = 0;
  Milli now_ = 0;
  std::int64_t reading_ = 0;
  std::optional<std::int64_t> candidate_;  // a reading ahead
  std::optional<std::int64_t> behind_;     // and one that lies before what is believed
  bool doubt_ = false;
  bool doubtful_ = false;            // since the last reading
  bool guessed_ = false;             // when the backlog of uptimes at hand began
  bool local_ = false;               // the last reading's zone was guessed
  bool heard_ = false;               // a line was read in this run
  std::optional<Milli> read_up_at_;  // since then
  std::optional<Milli> unread_since_;
  std::optional<Milli> decided_;
  // Live: how late the last line was, when the log was read up.
  struct Lateness {
    Milli late = 0, at = 0;
  };
  Milli late_ = 0;
  std::optional<Milli> last_arrival_;  // since the last read_up()
  std::optional<Lateness> lateness_;
};

}  // namespace coturn_guard
