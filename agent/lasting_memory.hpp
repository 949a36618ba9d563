// SPDX-License-Identifier: GPL-3.0-or-later
// What outlives the process, seen from the loop: opens the state file before anything else, gives back what
// it holds, and once a second, where something changed, has one consistent moment written. Whatever is wrong
// with the file, the guard goes on: this tells the operator, and tries again each minute.
//
// What one moment is: everything that was counted, and how far the log was read, with those lines before that
// place that still wait (for the kernel's word, for the lines behind them). Read again after a crash, lines
// before the place teach (sessions' formats, what was announced) and count nothing, but for those that
// waited. Nothing is written between: so nothing is lost and nothing counts twice.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/state_writer.hpp"
#include "model/lasting_scale.hpp"
#include "model/saved_state.hpp"
#include "pipeline.hpp"
#include "saved_bans.hpp"
#include "source/source.hpp"
#include "util/log.hpp"

namespace coturn_guard {

class LastingMemory {
 public:
  // `file`: empty: nothing is saved (the operator's `off`, a dry run, no state directory).
  LastingMemory(std::string file, Log& log, const Now& now);

  // Of every hash that is saved.
  [[nodiscard]] const HashSeed& seed() const { return seed_; }
  [[nodiscard]] const LastingScale& scale() const { return scale_; }
  [[nodiscard]] bool saves() const { return writer_ != nullptr; }
  // Gives back what an earlier run knew; once, before the first line. `source`: what is followed now, by a
  // name that tells it from others. Of another source's lines nothing is known.
  void restore(Pipeline& pipeline, SavedBans& bans, const std::string& source, const Now& now);
  // Has the source of that name go on where it was.
  void go_on(LineSource& line_source, const std::string& source) const;

  // The parts that are saved as of now.
  struct Moment {
    Pipeline& pipeline;
    SavedBans& bans;
    std::string source;
    std::vector<SavedRecord> positions;  // all of them
  };
  // Whether tick() would write now: so that nobody gathers positions in vain.
  [[nodiscard]] bool due(const Now& now);
  void save(const Moment& moment, const Now& now);
  // The last word: waits for the disk, but not for ever.
  void finish(const Moment& moment, const Now& now);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void open(const Now& now);
  void take_outcome(const Now& now);
  void tell(const StateFailure& failure, const Now& now);
  void tell_set_aside(const std::string& aside, const Now& now);
  [[nodiscard]] StateBatch gather(const Moment& moment, const Now& now);
  void gather_positions(const Moment& moment, StateBatch& batch);

  std::string file_;
  Log& log_;
  HashSeed seed_;
  LastingScale scale_;
  std::string boot_;
  std::optional<SavedState> saved_;     // until it was restored
  std::vector<SavedRecord> positions_;  // as last written
  std::string positions_source_;
  std::int64_t saved_milli_ = 0;  // since 1970
  std::unique_ptr<StateWriter> writer_;
  bool everything_ = false;  // the next batch holds all
  bool anew_ = false;        // and opens the file before
  std::chrono::steady_clock::time_point retry_{};
  std::chrono::steady_clock::time_point marked_{};
  std::int64_t wall_ahead_ = 0;  // of the steady clock, in ms, when the mark was written
  std::string told_;             // the last failure
  std::uint64_t bytes_ = 0;
};

// Which boot of the machine this is: the kernel's boot_id, or, where /proc shows none (ProcSubset=pid), the
// birth of the tmpfs at /run. Empty: not known.
[[nodiscard]] std::string boot_identity();

}  // namespace coturn_guard
